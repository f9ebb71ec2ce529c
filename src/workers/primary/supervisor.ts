import type { Settings } from '../../config/settings.ts'
import { type End, WorkerProcess, type WorkerProcessOptions } from './worker-process.ts'

/** Deaths in a row without having been ready, after which a start is given up. */
const mostDeathsAtStart = 3
/** A worker that ends is replaced after this long; twice as long each time, until one has run for a while. */
const backOffMs = { least: 100, most: 30_000, forgottenAfter: 30_000 }
/** How often a worker is asked whether its event loop turns, and how long it may not. */
const watchMs = 10_000
const hungMs = 60_000

export interface CrewOptions extends Pick<
  WorkerProcessOptions,
  'entry' | 'onLine' | 'onNote' | 'answer' | 'permits'
> {
  readonly count: number
  readonly settings: Settings
  readonly onReady: (worker: WorkerProcess) => void
  /** Everything that it said was heard, and it will say no more. */
  readonly onSilent: (worker: WorkerProcess) => void
  readonly onEnded: (worker: WorkerProcess, end: End, replacedInMs: number) => void
  readonly onHung: (worker: WorkerProcess) => void
}

/** Keeps so many workers running: starts them, replaces those that end, ends those that hang. */
export class Crew {
  readonly #options: CrewOptions
  readonly #running = new Map<number, WorkerProcess>()
  readonly #watched = new Set<WorkerProcess>()
  readonly #watch: NodeJS.Timeout
  /** What a worker that is started now gets. */
  settings: Settings
  /** Workers that were started in the place of one that ended. */
  replaced = 0
  #isStarted = false
  #isLeaving = false

  constructor(options: CrewOptions) {
    this.#options = options
    this.settings = options.settings
    this.#watch = setInterval(() => void this.#lookAtAll(), watchMs).unref()
  }

  /** Workers that are ready. */
  get ready(): readonly WorkerProcess[] {
    return [...this.#running.values()].filter((worker) => worker.isReady)
  }

  /**
   * Starts them and resolves when all are ready.
   *
   * @throws Error with a sentence for the operator when they cannot start; none is left then
   */
  async start(): Promise<void> {
    try {
      const numbers = Array.from({ length: this.#options.count }, (_, index) => index + 1)
      await Promise.all(numbers.map((number) => this.#startOne(number)))
      this.#isStarted = true
    } catch (error) {
      await this.end()
      throw error
    }
  }

  /** Replaces nobody from now on. */
  leave(): void {
    this.#isLeaving = true
    clearInterval(this.#watch)
  }

  /** Ends all of them. */
  async end(): Promise<void> {
    this.leave()
    const all = [...this.#running.values()]
    for (const worker of all) worker.dismiss()
    await Promise.all(all.map((worker) => worker.ended))
  }

  async #startOne(number: number): Promise<void> {
    for (let deaths = 1; ; deaths++) {
      const end = await this.#launch(number, 0)
      if (end === undefined || this.#isLeaving) return
      if (end.problem !== undefined) throw new Error(end.problem)
      if (deaths === mostDeathsAtStart) throw new Error(lastWords(number, end))
    }
  }

  /** Resolves when the worker is ready, or with its end when that came before. Watches over it from then on. */
  #launch(number: number, failures: number): Promise<End | undefined> {
    const { entry, onLine, onNote, answer, permits } = this.#options
    return new Promise((resolve) => {
      const startedMs = performance.now()
      let wasReady = false
      const worker: WorkerProcess = new WorkerProcess({
        number,
        workers: this.#options.count,
        entry,
        onLine,
        answer,
        permits,
        settings: this.settings,
        onNote: (from, note) => {
          if (note.kind === 'ready') {
            wasReady = true
            this.#options.onReady(from)
            resolve(undefined)
          }
          onNote(from, note)
        },
      })
      this.#running.set(number, worker)
      void worker.silent.then(() => this.#options.onSilent(worker))
      void worker.ended.then((end) => {
        this.#running.delete(number)
        resolve(end)
        if (this.#isLeaving || (!wasReady && !this.#isStarted)) return // a start decides by itself
        const hasLasted = performance.now() - startedMs > backOffMs.forgottenAfter
        this.#replace(worker, end, hasLasted ? 0 : failures)
      })
    })
  }

  #replace(worker: WorkerProcess, end: End, failures: number): void {
    const delayMs = Math.min(backOffMs.most, backOffMs.least * 2 ** failures)
    this.#options.onEnded(worker, end, delayMs)
    setTimeout(() => {
      if (this.#isLeaving) return
      this.replaced++
      // A process that cannot even be made has ended like any other.
      this.#launch(worker.number, failures + 1).catch((error: Error) => {
        const end = { code: null, signal: null, problem: error.message }
        this.#replace(worker, end, failures + 1)
      })
    }, delayMs)
  }

  async #lookAtAll(): Promise<void> {
    await Promise.all(this.ready.map((worker) => this.#lookAt(worker)))
  }

  /** Never rejects. */
  async #lookAt(worker: WorkerProcess): Promise<void> {
    if (this.#watched.has(worker)) return // still waiting for the last answer
    this.#watched.add(worker)
    try {
      await worker.ask('pulse', null, hungMs)
    } catch {
      if (this.#isLeaving || !worker.isConnected) return
      this.#options.onHung(worker)
      worker.kill()
    } finally {
      this.#watched.delete(worker)
    }
  }
}

function lastWords(number: number, { code, signal }: End): string {
  const how = signal === null ? `with exit code ${code}` : `by ${signal}`
  return `workers end before they are ready, ${mostDeathsAtStart} times in a row (worker ${number} ${how}); what they wrote to standard error may tell why`
}
