import { HubError } from '../../protocol/errors.ts'
import { Slice } from '../../protocol/slice.ts'
import { FairQueue } from '../replay/fair-queue.ts'

/** Work that yields where others may be due. */
export type Work<Result> = (slice: Slice) => Generator<undefined, Result>

interface Job {
  readonly owner: string
  /** Does one portion; true when nothing is left to do. */
  readonly goOn: () => boolean
}

/** Milliseconds of one turn that all of it together may take. */
const turnMs = 2
/** Pieces of work that may wait. */
const mostWaiting = 10_000

/**
 * Tries patterns for whoever is not the dispatcher: publishers' grants, replays, lists of subscriptions.
 *
 * What one asks for may take a second of work. All of it together has one small share of each turn of
 * the event loop, and those who wait take turns, by their addresses or tokens.
 */
export class PatternWork {
  readonly #slice = new Slice()
  readonly #queue = new FairQueue<Job>()
  #isTurnOpen = false

  /** Pieces of work that wait for their turn. */
  get waiting(): number {
    return this.#queue.size
  }

  /**
   * Does it at once where nobody waits and it is little, which nearly all of it is; else in portions.
   *
   * @param mostSteps refuses work that takes more; 0 for no limit
   * @throws HubError what `refusal` makes, or `unavailable` when too much waits
   */
  run<Result>(
    owner: string,
    work: Work<Result>,
    mostSteps = 0,
    refusal?: (mostSteps: number) => HubError,
  ): Result | Promise<Result> {
    const counted = countedWork(work(this.#slice), this.#slice, mostSteps, refusal)
    if (this.#queue.size === 0) {
      this.#openTurn()
      const step = counted.next()
      if (step.done === true) return step.value
    }
    if (this.#queue.size >= mostWaiting)
      throw new HubError('unavailable', 'too many checks of patterns wait; try again later', {
        limit: 'waiting_checks',
        retryAfterSeconds: 5,
      })
    return new Promise((resolve, reject) => {
      const goOn = () => {
        try {
          const step = counted.next()
          if (step.done === true) resolve(step.value)
          return step.done === true
        } catch (error) {
          reject(error as Error)
          return true
        }
      }
      this.#queue.push(owner, { owner, goOn })
      this.#openTurn()
    })
  }

  /** What is left of the share counts for the whole turn. */
  #openTurn(): void {
    if (this.#isTurnOpen) return
    this.#isTurnOpen = true
    this.#slice.begin(turnMs)
    setImmediate(() => {
      this.#isTurnOpen = false
      if (this.#queue.size > 0) this.#turn()
    })
  }

  #turn(): void {
    this.#openTurn()
    const deadline = performance.now() + turnMs
    do {
      const job = this.#queue.shift()
      if (job === undefined) return
      if (!job.goOn()) this.#queue.push(job.owner, job)
    } while (performance.now() < deadline)
  }
}

/** Refuses work once it has taken too much. */
function* countedWork<Result>(
  work: Generator<undefined, Result>,
  slice: Slice,
  mostSteps: number,
  refusal: ((mostSteps: number) => HubError) | undefined,
): Generator<undefined, Result> {
  let steps = 0
  for (;;) {
    const before = slice.steps
    const step = work.next()
    steps += slice.steps - before
    if (mostSteps > 0 && steps > mostSteps && refusal !== undefined) throw refusal(mostSteps)
    if (step.done === true) return step.value
    yield
  }
}

/** The refusal of a request whose topics take too long. */
export function takesTooLong(mostSteps: number): HubError {
  return new HubError(
    'too_large',
    `comparing the request with the patterns of its token takes more than ${mostSteps} steps: send fewer or shorter topics at once, or a token with simpler patterns (max_pattern_steps_per_request)`,
    { limit: 'max_pattern_steps_per_request' },
  )
}
