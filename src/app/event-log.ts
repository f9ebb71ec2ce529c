import type { KeySourceEvent } from '../auth/authenticator.ts'
import type { RequestKind } from '../http/metrics/metrics.ts'
import type { HubObserver } from '../hub/observer.ts'
import type { CloseReason, Subscriber } from '../hub/stream/subscriber.ts'
import type { Log } from '../log/log.ts'
import type { HubError } from '../protocol/errors.ts'
import type { LimitName } from '../protocol/limits.ts'
import type { Teller } from './tell.ts'

/** Lines of one kind within one window; what comes beyond is counted and told at its end. */
const mostLines = 5
const windowMs = 10_000
/** How often the history is asked whether it is well. */
const healthMs = 1_000

/** Ends that an operator wants to read of; `peer`, `expired` and `rotated` are everyday life, and counted. */
const notable: ReadonlySet<CloseReason> = new Set(['slow', 'stalled', 'kicked', 'drained', 'error'])

type Level = 'info' | 'warn' | 'error'
type Fields = Readonly<Record<string, unknown>>

interface Window {
  lines: number
  suppressed: number
}

/**
 * Writes the process's log: a line for each event that matters, a few of each kind at a time, and how
 * many more there were.
 *
 * A line says codes, reasons, limits and counts; never a token, a payload, a topic or a query string. It
 * stands beside the metrics, not on the hot path: nothing here is called per update or per delivery.
 */
export class Journal {
  readonly #teller: Teller
  readonly #windows = new Map<string, Window>()
  #healthTimer: NodeJS.Timeout | undefined

  constructor(teller: Teller) {
    this.#teller = teller
  }

  /** An observer that counts what `counts` counts, and tells here what is rare. */
  beside(counts: HubObserver): HubObserver {
    return {
      subscribed: (subscriber) => counts.subscribed(subscriber),
      closed: (subscriber, reason) => {
        counts.closed(subscriber, reason)
        if (notable.has(reason)) this.#closed(subscriber, reason)
      },
      published: (count, ms) => counts.published(count, ms),
      repeated: () => counts.repeated(),
      delivered: (bytes) => counts.delivered(bytes),
      replayed: (entries) => counts.replayed(entries),
      lost: (entries) => {
        counts.lost(entries)
        this.#tell('lost', 'warn', { entries }, 'entries were trimmed before they could be sent')
      },
      failed: (job, error) => {
        counts.failed(job, error)
        this.#tell(
          `failed ${job}`,
          'error',
          { job, err: error },
          'a background job failed; it goes on',
        )
      },
      mismatched: (faults) => {
        counts.mismatched(faults)
        const fields = { count: faults.length, faults: faults.slice(0, mostLines) }
        this.#tell(
          'mismatch',
          'error',
          fields,
          'the registry disagreed with itself, and was repaired',
        )
      },
    }
  }

  /** A request was refused: the hub's own fault with its cause, a limit or a credential with its name. */
  refused(kind: RequestKind, { code, limit, cause }: HubError): void {
    if (code === 'misdirected')
      this.#tell(
        'misdirected',
        'warn',
        { kind, seen: cause instanceof Error ? cause.message : undefined },
        'a request was for a host that is none of public_urls',
      )
    else if (code === 'internal')
      this.#tell('internal', 'error', { kind, err: cause }, 'a request failed')
    else if (limit !== undefined) this.limitHit(limit, kind)
    else if (code === 'unavailable')
      this.#tell(
        'unavailable',
        'warn',
        { kind, ...causeOf(cause) },
        'a request could not be served',
      )
    else if (kind === 'subscribe')
      this.#tell(`refused ${code}`, 'info', { code }, 'a stream was refused')
    else if (kind === 'publish')
      this.#tell(`refused publish ${code}`, 'info', { code }, 'a publish was refused')
  }

  limitHit(limit: LimitName, kind?: RequestKind): void {
    this.#tell(`limit ${limit}`, 'warn', { limit, kind }, 'a limit was hit')
  }

  corrupt(position: number): void {
    this.#tell('corrupt', 'error', { position }, 'a record of the history is damaged')
  }

  keySource(event: KeySourceEvent): void {
    if (event.type === 'refreshed' && !event.changed) return this.#teller.debug(event, 'key source')
    if (event.type === 'weak_secret') return // a warning of the configuration says so, in words
    if (event.type !== 'failed') return this.#teller.info(event, 'key source')
    const { error, ...fields } = event
    this.#tell(`keys ${event.uri}`, 'warn', { ...fields, err: error }, 'a key set cannot be read')
  }

  /** Looks from time to time whether the history is well, where it does not tell by itself. */
  watch(log: Log): void {
    let wasOk = true
    this.#healthTimer = setInterval(() => {
      const health = log.health()
      if (health.ok === wasOk) return
      wasOk = health.ok
      this.problem(health.ok ? undefined : health.reason)
    }, healthMs).unref()
  }

  /** The history fell ill, or is well again. */
  problem(problem: string | undefined): void {
    if (problem === undefined) this.#teller.info('the history takes updates again')
    else this.#teller.error({ problem }, 'the history cannot take updates')
  }

  close(): void {
    clearInterval(this.#healthTimer)
    for (const kind of this.#windows.keys()) this.#endWindow(kind)
  }

  #closed({ address }: Subscriber, reason: CloseReason): void {
    const level = reason === 'error' ? 'error' : 'info'
    this.#tell(`closed ${reason}`, level, { reason, address }, 'a stream was closed')
  }

  /** Kinds come from lists in the code, so the table is small. */
  #tell(kind: string, level: Level, fields: Fields, message: string): void {
    let window = this.#windows.get(kind)
    if (window === undefined) {
      window = { lines: 0, suppressed: 0 }
      this.#windows.set(kind, window)
      setTimeout(() => this.#endWindow(kind), windowMs).unref()
    }
    if (window.lines++ < mostLines) this.#teller[level](fields, message)
    else window.suppressed++
  }

  #endWindow(kind: string): void {
    const suppressed = this.#windows.get(kind)?.suppressed ?? 0
    this.#windows.delete(kind)
    if (suppressed > 0)
      this.#teller.warn({ kind, suppressed }, 'more lines of this kind were left out')
  }
}

function causeOf(cause: unknown): Fields {
  return cause instanceof Error ? { err: cause } : {}
}
