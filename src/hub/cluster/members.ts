import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Log } from '../../log/log.ts'

export interface NodesOptions {
  /** Whether this hub keeps a lease; without, it is only named once, for kicks. */
  readonly hasLease: boolean
  /** Another hub is gone, of which nothing was heard for so long: what it left open is this one's now. */
  readonly onDead: (id: string, silentMs: number) => Promise<void>
  /** This hub was taken for gone, and has another id now. */
  readonly onRenamed: () => void
  readonly onError: (error: unknown) => void
}

/** What the mark of a hub says; `beat` changes with each renewal. */
interface Node {
  readonly host: string
  readonly pid: number
  readonly leased: boolean
  readonly beat: number
  /** When it was renewed, in milliseconds since 1970: for processes of the same machine alone. */
  readonly atMs: number
  readonly isDead?: true
  /** The hub that takes over what it left open. */
  readonly heir?: string
}

/** A lease is renewed and the others are looked at this often. */
const lookMs = 2_000
/** A lease that was not renewed for so long is over: a hub that died is noticed within 12 s. */
const leaseMs = 8_000
const prefix = 'n/'
const most = 1_000
const host = hostname()
/** Hubs of this process: their pid says nothing about which of them lives. */
const ours = new Set<string>()

/**
 * The hubs on one log, by marks: each has one, renewed while it keeps presence.
 *
 * Nobody compares wall clocks: a lease is over when its mark did not change for `leaseMs` of the
 * watcher's own monotonic clock. A process of the same machine that is not there any more is
 * noticed at once, so a hub that is started again ends what its predecessor left open.
 */
export class Nodes {
  id: string = randomUUID()
  readonly #log: Log
  readonly #options: NodesOptions
  readonly #seen = new Map<string, { readonly value: string; readonly sinceMs: number }>()
  #value: string | undefined
  #beat = 0
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #isClosed = false

  constructor(log: Log, options: NodesOptions) {
    this.#log = log
    this.#options = options
    ours.add(this.id)
  }

  /** Registers this hub; resolves when the dead ones of this machine are buried. Never rejects. */
  async start(): Promise<void> {
    await this.#tick()
    if (this.#options.hasLease && !this.#isClosed)
      this.#timer = setInterval(() => void this.#tick(), lookMs).unref()
  }

  /** Ids of the hubs that should be there. */
  async living(): Promise<readonly string[]> {
    const { marks } = await this.#log.marks(prefix, '', most)
    return marks
      .map(({ name, value }) => ({ id: idOf({ name }), node: parse(value) }))
      .filter(({ id, node }) => id === this.id || (node.isDead !== true && !isGone(id, node)))
      .map(({ id }) => id)
  }

  /** @param leavesBehind whether another hub has to take over what this one leaves */
  async close(leavesBehind = false): Promise<void> {
    this.#isClosed = true
    clearInterval(this.#timer)
    await this.#looking
    ours.delete(this.id)
    const from = this.#value
    if (from === undefined) return
    const to = leavesBehind ? JSON.stringify({ ...parse(from), isDead: true }) : undefined
    try {
      await this.#log.append([], { marks: [{ name: prefix + this.id, from, to }] })
    } catch {
      // The log refuses: the others see that the lease is over.
    }
  }

  /** Never rejects; one at a time. */
  #tick(): Promise<void> {
    this.#looking ??= this.#renew()
      .then(() => this.#look())
      .catch((error: unknown) => this.#options.onError(error))
      .finally(() => (this.#looking = undefined))
    return this.#looking
  }

  async #renew(): Promise<void> {
    const from = this.#value
    const node: Node = {
      host,
      pid: process.pid,
      leased: this.#options.hasLease,
      beat: ++this.#beat,
      atMs: Date.now(),
    }
    const to = JSON.stringify(node)
    const marks = [{ name: prefix + this.id, from, to }]
    const { outcome } = await this.#log.append([], { marks })
    if (outcome === 'stored') {
      this.#value = to
      return
    }
    ours.delete(this.id)
    this.id = randomUUID()
    ours.add(this.id)
    this.#value = undefined
    await this.#renew()
    this.#options.onRenamed()
  }

  async #look(): Promise<void> {
    const { marks } = await this.#log.marks(prefix, '', most)
    const nowMs = performance.now()
    const living = new Set(marks.filter(({ value }) => parse(value).isDead !== true).map(idOf))
    for (const { name, value } of marks) {
      const id = idOf({ name })
      if (id === this.id || this.#isClosed) continue
      const node = parse(value)
      const seen = this.#seen.get(id)
      if (seen?.value !== value) this.#seen.set(id, { value, sinceMs: nowMs })
      const unchangedMs = seen?.value === value ? nowMs - seen.sinceMs : 0
      const hasHeir = node.heir !== undefined && node.heir !== this.id && living.has(node.heir)
      if (hasHeir) continue
      if (isGone(id, node))
        await this.#bury(id, value, Math.max(unchangedMs, Date.now() - node.atMs))
      else if (node.isDead === true || (node.leased && unchangedMs >= leaseMs))
        await this.#bury(id, value, unchangedMs)
    }
    const names = new Set(marks.map(({ name }) => name.slice(prefix.length)))
    for (const id of this.#seen.keys()) if (!names.has(id)) this.#seen.delete(id)
  }

  /** Marked first, so that it notices should it live after all; its mark goes last, so that others go on if we die. */
  async #bury(id: string, from: string, silentMs: number): Promise<void> {
    const name = prefix + id
    const dead = JSON.stringify({ ...parse(from), isDead: true, heir: this.id })
    if (from !== dead) {
      const marked = await this.#log.append([], { marks: [{ name, from, to: dead }] })
      if (marked.outcome !== 'stored') return
    }
    await this.#options.onDead(id, silentMs)
    await this.#log.append([], { marks: [{ name, from: dead, to: undefined }] })
    this.#seen.delete(id)
  }
}

function idOf({ name }: { readonly name: string }): string {
  return name.slice(prefix.length)
}

function parse(value: string): Node {
  return JSON.parse(value) as Node // written by this class alone
}

/** A process of this machine that is not there any more; our own pid was then a predecessor's. */
function isGone(id: string, { host: itsHost, pid }: Node): boolean {
  if (itsHost !== host) return false
  if (pid === process.pid) return !ours.has(id)
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH'
  }
}
