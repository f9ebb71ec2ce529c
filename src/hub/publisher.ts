import type { AppendOptions, Log } from '../log/log.ts'
import { HubError } from '../protocol/errors.ts'
import type { Grants } from '../protocol/grants.ts'
import { frameBytesAtMost } from '../protocol/sse.ts'
import { Topic } from '../protocol/topic.ts'
import { type Update, type UpdateDraft, validateUpdate } from '../protocol/update.ts'
import { newId, newSeed, seededId } from './ids.ts'

export interface PublisherOptions {
  /** Bytes that one update may take on the wire; 0 for no limit. */
  readonly maxFrameBytes: number
  /** Stored, and as durable as the log promises after so many milliseconds. */
  readonly onPublished: (count: number, ms: number) => void
  readonly onRepeated: () => void
}

/** Whose updates these are, and how often: a repeated key answers as the first time and stores nothing. */
export interface Publication {
  readonly grants: Grants
  /** The hub's own URL, for the test of reserved topics. */
  readonly hubUrl: string
  readonly once?: Once | undefined
}

/** An idempotency key with its owner, what came with it, and how long both are remembered. */
export type Once = Omit<NonNullable<AppendOptions['once']>, 'answer'>

/** Milliseconds of checking a long batch after which it yields to the event loop. */
const sliceMs = 4
/** Updates checked between two looks at the clock. */
const stride = 32
/** Updates of one batch; with the default body limit no batch has as many. */
const maxBatchUpdates = 100_000

/** Checks what publishers send, and puts it into the log. */
export class Publisher {
  readonly #log: Log
  readonly #options: PublisherOptions

  constructor(log: Log, options: PublisherOptions) {
    this.#log = log
    this.#options = options
  }

  /**
   * Stores an update and, once it is as durable as the log promises, resolves with its id.
   *
   * @throws HubError `invalid_update`, `too_large`, `insufficient_scope`, `unavailable`,
   *   `conflicting_idempotency_key`; nothing was stored then
   */
  async publish(draft: UpdateDraft, publication: Publication): Promise<string> {
    if (publication.once !== undefined) {
      const [id] = await this.publishAll([draft], publication)
      return id as string // one for one
    }
    this.#check(draft, publication)
    const update = { ...draft, id: ownIdOf(draft) ?? newId() }
    const begunMs = performance.now()
    await this.#log.append([update])
    this.#options.onPublished(1, performance.now() - begunMs)
    return update.id
  }

  /**
   * Stores all updates at consecutive positions, or none, and resolves with their ids.
   *
   * All are checked and authorised before any is stored. What `drafts` throws is thrown on, and the
   * draft taken last is the one that an error of a check is about.
   *
   * @throws HubError as `publish` does
   */
  async publishAll(drafts: Iterable<UpdateDraft>, publication: Publication): Promise<string[]> {
    const { once } = publication
    const seed = once === undefined ? undefined : newSeed()
    const updates = await this.#checked(drafts, publication, seed)
    const options =
      once === undefined || seed === undefined ? {} : { once: { ...once, answer: seed } }
    const begunMs = performance.now()
    const appended = await this.#log.append(updates, options)
    if (appended.outcome === 'repeated') {
      this.#options.onRepeated()
      return repeatedIds(updates, seed, appended.ids[0])
    }
    if (appended.outcome !== 'stored')
      throw new HubError(
        'conflicting_idempotency_key',
        'this Idempotency-Key was used with another body',
      )
    this.#options.onPublished(updates.length, performance.now() - begunMs)
    return updates.map((update) => update.id)
  }

  async #checked(
    drafts: Iterable<UpdateDraft>,
    publication: Publication,
    seed: string | undefined,
  ): Promise<Update[]> {
    const updates: Update[] = []
    let deadline = performance.now() + sliceMs
    for (const draft of drafts) {
      this.#check(draft, publication)
      if (updates.length === maxBatchUpdates)
        throw new HubError('too_large', `a batch may have at most ${maxBatchUpdates} updates`, {
          limit: 'batch_updates',
        })
      const made = () => (seed === undefined ? newId() : seededId(seed, updates.length))
      const { topics, data, isPrivate, type, retry } = draft
      updates.push({ id: ownIdOf(draft) ?? made(), topics, data, isPrivate, type, retry })
      if (updates.length % stride === 0 && performance.now() > deadline) {
        await new Promise<void>((resolve) => setImmediate(resolve))
        deadline = performance.now() + sliceMs
      }
    }
    return updates
  }

  #check(draft: UpdateDraft, { grants, hubUrl }: Publication): void {
    validateUpdate(draft, hubUrl)
    const topics = draft.topics.map((topic) => new Topic(topic))
    grants.requirePublish(topics, draft.isPrivate)
    const { maxFrameBytes } = this.#options
    if (maxFrameBytes > 0 && isLongerThan(draft, maxFrameBytes))
      throw new HubError('too_large', 'the update has too many line breaks to be sent', {
        limit: 'frame_size',
      })
  }
}

/** Most updates are so small that there is no need to count their line breaks. */
function isLongerThan(draft: UpdateDraft, maxFrameBytes: number): boolean {
  const { id = '', type, data } = draft
  const most = 256 + 3 * (id.length + type.length) + 9 * data.length
  return most > maxFrameBytes && frameBytesAtMost(draft) > maxFrameBytes
}

function ownIdOf({ id }: UpdateDraft): string | undefined {
  return id === '' ? undefined : id
}

/** The same body has the same ids of its own; those that the hub made follow from the seed of the first time. */
function repeatedIds(
  updates: readonly Update[],
  seed: string | undefined,
  firstSeed: string | undefined,
): string[] {
  if (seed === undefined || firstSeed === undefined) throw new HubError('internal')
  return updates.map(({ id }, index) =>
    id === seededId(seed, index) ? seededId(firstSeed, index) : id,
  )
}
