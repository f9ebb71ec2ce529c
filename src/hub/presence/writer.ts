import type { Log, Mark, MarkChange } from '../../log/log.ts'
import type { TellSubscription } from '../../protocol/subscription.ts'
import type { Update } from '../../protocol/update.ts'
import type { Held } from './local-subscription.ts'
import { newSubscriberId } from '../ids.ts'
import { absenceNameOf, absencesOf, eventsOf, keptIn, nameOf } from './record.ts'

export type Kind = 'start' | 'leave' | 'end' | 'adopt'

/** What a subscription has to tell, until the log knows it. */
export interface Change {
  readonly held: Held
  kind: Kind
  /** An append with it may have been stored, whatever its answer was. */
  isTried: boolean
  isDone: boolean
}

/** How a change stands in the log, and what it means here once it does. */
interface Written {
  readonly marks: readonly MarkChange[]
  readonly events: readonly Update[]
  readonly done: () => void
}

/** Streams of one identity and matcher that are looked at when one of them comes back. */
const mostAbsent = 64
/** How often a change is tried when others change the same marks; each time another has succeeded. */
const mostTries = 20

export interface PresenceWriterOptions {
  readonly nodeId: () => string
  readonly graceMs: number
  readonly tell: TellSubscription
  /** Somebody else ended the subscription, or has it now. */
  readonly onForgotten: (held: Held) => void
}

/**
 * What a change of presence is in the log: marks that are compared and set, and the events that tell it.
 *
 * Others write the same marks: a change that is refused is thought over with what the marks are then.
 */
export class PresenceWriter {
  readonly #log: Log
  readonly #options: PresenceWriterOptions
  /** Subscriptions whose stream is gone, by the name of the mark of their absence. */
  readonly #absent = new Map<string, Held>()

  constructor(log: Log, options: PresenceWriterOptions) {
    this.#log = log
    this.#options = options
  }

  /** A subscription was taken over from another hub, with the mark that says its stream is gone. */
  tookOver(held: Held, absenceName: string): void {
    this.#absent.set(absenceName, held)
  }

  /** Writes changes of different subscriptions together; each of them alone where others were faster. */
  async append(changes: readonly Change[]): Promise<void> {
    for (const change of changes) change.isTried = true
    const written = await this.#prepare(changes)
    const marks = written.flatMap((one) => one.marks)
    if (marks.length > 0) {
      const events = written.flatMap((one) => one.events)
      const { outcome } = await this.#log.append(events, { kind: 'presence', marks })
      if (outcome !== 'stored' && !(await this.#isDoneAlready(marks)))
        return this.#appendEach(changes)
    }
    for (const [index, change] of changes.entries()) {
      change.isDone = true
      written[index]?.done()
    }
  }

  /** Somebody else changed one of the marks, or an append was stored whose answer got lost. */
  async #appendEach(changes: readonly Change[]): Promise<void> {
    for (const change of changes)
      for (let tries = 0; !change.isDone; tries++) {
        if (tries === mostTries) throw new Error(`a presence change was refused ${tries} times`)
        const [written = nothing] = await this.#prepare([change])
        const { marks, events } = written
        const isStored =
          marks.length === 0 ||
          (await this.#log.append(events, { kind: 'presence', marks })).outcome === 'stored' ||
          (await this.#isDoneAlready(marks))
        if (!isStored && this.#thinkAgain(change, marks)) continue
        change.isDone = true
        if (isStored) written.done()
      }
  }

  /** A change was refused: whether it makes sense to try again, after somebody else's. */
  #thinkAgain(change: Change, marks: readonly MarkChange[]): boolean {
    const { held, kind } = change
    const isAway = kind === 'adopt' && held.absence !== undefined
    if (kind === 'end' || kind === 'leave' || isAway) {
      this.#options.onForgotten(held) // somebody else ended it, which was told then, or has it now
      return false
    }
    if (kind === 'adopt') change.kind = 'start'
    else if (marks.length === 1) held.kept = { ...held.kept, subscriber: newSubscriberId() }
    return true
  }

  async #isDoneAlready(marks: readonly MarkChange[]): Promise<boolean> {
    const now = await Promise.all(marks.map(({ name }) => this.#markAt(name)))
    return marks.every(({ to }, index) => now[index]?.value === to)
  }

  async #prepare(changes: readonly Change[]): Promise<readonly Written[]> {
    if (this.#options.graceMs === 0) return changes.map((change) => this.#writtenAs(change))
    const found = await Promise.all(changes.map((change) => this.#absencesFor(change)))
    const claimed = new Set<string>()
    return Promise.all(
      changes.map(async (change, index) => {
        const absence = found[index]?.find(({ name }) => !claimed.has(name))
        if (absence === undefined) return this.#writtenAs(change)
        claimed.add(absence.name)
        return change.kind === 'start'
          ? this.#comeBack(change, absence)
          : this.#writtenAs(change, absence)
      }),
    )
  }

  /** Marks of absence that a change has to do with: its own, or any that a new stream may take over. */
  async #absencesFor({ held, kind }: Change): Promise<readonly Mark[]> {
    const prefix = absencesOf(held.kept)
    if (prefix === undefined || kind === 'leave' || kind === 'adopt') return []
    if (kind === 'start') return (await this.#log.marks(prefix, '', mostAbsent)).marks
    const own = await this.#markAt(absenceNameOf(held.kept))
    return own === undefined ? [] : [own]
  }

  async #markAt(name: string): Promise<Mark | undefined> {
    const { marks } = await this.#log.marks(name, '', 1)
    return marks.find((mark) => mark.name === name)
  }

  #writtenAs({ held, kind }: Change, absence?: Mark): Written {
    const { kept } = held
    if (kind === 'end') return this.#ended(held, absence)
    if (kind === 'leave') return this.#leftAs(held)
    const ours = { ...kept, node: this.#options.nodeId() }
    const isNew = kind === 'start'
    const from = isNew ? undefined : JSON.stringify(kept)
    return {
      marks: [{ name: nameOf(kept), from, to: JSON.stringify(ours) }],
      events: isNew ? eventsOf(this.#options.tell, kept, true) : [],
      done: () => (held.kept = ours),
    }
  }

  #leftAs(held: Held): Written {
    const name = nameOf(held.kept)
    const value = JSON.stringify(held.kept)
    const absence = absenceNameOf(held.kept)
    return {
      marks: [
        { name, from: value, to: value },
        { name: absence, from: undefined, to: held.absence },
      ],
      events: [],
      done: () => void this.#absent.set(absence, held),
    }
  }

  #ended({ kept, absence: ours }: Held, absence: Mark | undefined): Written {
    const done = () => void (ours !== undefined && this.#absent.delete(absenceNameOf(kept)))
    if (ours !== undefined && absence?.value !== ours) return { ...nothing, done } // it came back elsewhere
    const marks = [{ name: nameOf(kept), from: JSON.stringify(kept), to: undefined }]
    if (absence !== undefined)
      marks.push({ name: absence.name, from: absence.value, to: undefined })
    return { marks, events: eventsOf(this.#options.tell, kept, false), done }
  }

  /** A new stream is one that was away: it takes over its id and its mark, and nothing is told. */
  async #comeBack(change: Change, absence: Mark): Promise<Written> {
    const { held } = change
    const subscriber = absence.name.slice(absence.name.lastIndexOf('/') + 1)
    const name = nameOf({ ...held.kept, subscriber })
    const value = (await this.#markAt(name))?.value
    const kept = value === undefined ? undefined : keptIn(value)
    const isGone = { name: absence.name, from: absence.value, to: undefined }
    if (kept === undefined) {
      const { marks, events, done } = this.#writtenAs(change)
      return { marks: [isGone, ...marks], events, done }
    }
    const ours = { ...kept, node: this.#options.nodeId() }
    return {
      marks: [isGone, { name, from: value, to: JSON.stringify(ours) }],
      events: [],
      done: () => {
        held.kept = ours
        const predecessor = this.#absent.get(absence.name)
        if (predecessor !== undefined) this.#options.onForgotten(predecessor)
        this.#absent.delete(absence.name)
      },
    }
  }
}

const nothing: Written = { marks: [], events: [], done() {} }
