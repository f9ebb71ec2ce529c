import type { AppendOptions, Log } from '../log/log.ts'
import { HubError } from '../protocol/errors.ts'
import { type Grants, requireGrant } from '../protocol/grants.ts'
import type { Slice } from '../protocol/slice.ts'
import { frameBytesAtMost } from '../protocol/sse.ts'
import { Topic } from '../protocol/topic.ts'
import { type Update, type UpdateDraft, validateUpdate } from '../protocol/update.ts'
import { newId, newSeed, seededId } from './ids.ts'
import { type PatternWork, takesTooLong, type Work } from './dispatch/pattern-work.ts'

export interface PublisherOptions {
  /** Bytes that one update may take on the wire; 0 for no limit. */
  readonly maxFrameBytes: number
  /** Steps that the patterns of a token may take for the topics of one request; 0 for no limit. */
  readonly maxPatternSteps: number
  /** Where patterns are tried that take long. */
  readonly patternWork: PatternWork
  /** Stored, and as durable as the log promises after so many milliseconds. */
  readonly onPublished: (count: number, ms: number) => void
  readonly onRepeated: () => void
}

/** Whose updates these are, and how often: a repeated key answers as the first time and stores nothing. */
export interface Publication {
  readonly grants: Grants
  /** The hub's own URL, for the test of reserved topics. */
  readonly hubUrl: string
  /** Who publishes: long checks of one owner do not keep another's waiting. */
  readonly owner?: string | undefined
  readonly once?: Once | undefined
}

/** An idempotency key with its owner, what came with it, and how long both are remembered. */
export type Once = Omit<NonNullable<AppendOptions['once']>, 'answer'>

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
    const granted = this.#granted(draft, publication)
    if (granted instanceof Promise) await granted
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
    const updates = await this.#run(publication, (slice) =>
      this.#checked(drafts, publication, seed, slice),
    )
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

  *#checked(
    drafts: Iterable<UpdateDraft>,
    publication: Publication,
    seed: string | undefined,
    slice: Slice,
  ): Generator<undefined, Update[]> {
    const updates: Update[] = []
    for (const draft of drafts) {
      const parsed = this.#topicsOf(draft, publication)
      requireGrant(yield* publication.grants.publishing(parsed, draft.isPrivate, slice))
      if (updates.length === maxBatchUpdates)
        throw new HubError('too_large', `a batch may have at most ${maxBatchUpdates} updates`, {
          limit: 'batch_updates',
        })
      const made = () => (seed === undefined ? newId() : seededId(seed, updates.length))
      const { topics, data, isPrivate, type, retry } = draft
      updates.push({ id: ownIdOf(draft) ?? made(), topics, data, isPrivate, type, retry })
      if (updates.length % stride === 0 && slice.isOver) yield
    }
    return updates
  }

  #granted(draft: UpdateDraft, publication: Publication): void | Promise<void> {
    const topics = this.#topicsOf(draft, publication)
    const { grants } = publication
    if (grants.isQuickToPublish(topics))
      return requireGrant(grants.mayPublish(topics, draft.isPrivate))
    const granted = this.#run(publication, (slice) =>
      grants.publishing(topics, draft.isPrivate, slice),
    )
    return granted instanceof Promise ? granted.then(requireGrant) : requireGrant(granted)
  }

  #run<Result>({ owner = '' }: Publication, work: Work<Result>): Result | Promise<Result> {
    const { patternWork, maxPatternSteps } = this.#options
    return patternWork.run(owner, work, maxPatternSteps, takesTooLong)
  }

  #topicsOf(draft: UpdateDraft, { hubUrl }: Publication): readonly Topic[] {
    validateUpdate(draft, hubUrl)
    const { maxFrameBytes } = this.#options
    if (maxFrameBytes > 0 && isLongerThan(draft, maxFrameBytes))
      throw new HubError('too_large', 'the update has too many line breaks to be sent', {
        limit: 'frame_size',
      })
    return draft.topics.map((topic) => new Topic(topic))
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
