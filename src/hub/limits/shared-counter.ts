import type { Log } from '../../log/log.ts'

/** What hubs that count together have in common. */
export interface TallyOptions {
  readonly log: Log
  /** The name of the mark that holds the counts. */
  readonly name: string
  /** This hub's id. */
  readonly nodeId: () => string
  /** Ids of the hubs that are there: what others counted is not counted any more. */
  readonly living: () => Promise<readonly string[]>
  readonly limit: () => number
  readonly onError: (error: unknown) => void
}

type Counts = Readonly<Record<string, number>>

/**
 * One count that several hubs keep together: a mark that says how many each of them has.
 *
 * It changes by compare-and-set, so that the limit holds whoever comes where. Those who ask while a change
 * travels share the next one. When the log cannot be reached everybody is let in, and the mark is mended
 * once it can: a history that is away must not turn streams away as well.
 */
export class Tally {
  readonly #options: TallyOptions
  /** How many this hub has. */
  #mine = 0
  /** How many the mark says that this hub has; undefined when it has to be read. */
  #told: number | undefined = 0
  #value: string | undefined
  #waiting: ((isTaken: boolean) => void)[] = []
  #running: Promise<void> | undefined

  constructor(options: TallyOptions) {
    this.#options = options
  }

  /** Nobody is counted here, and the mark says so. */
  get isIdle(): boolean {
    return this.isSettled && this.#mine === 0
  }

  /** The mark says what is true of this hub. */
  get isSettled(): boolean {
    return this.#mine === this.#told && this.#waiting.length === 0
  }

  /** Takes one, unless as many as may be are taken. */
  take(): Promise<boolean> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      void this.settle()
    })
  }

  /** Gives one back. */
  leave(): void {
    if (this.#mine > 0) this.#mine--
  }

  /** Whether none can be taken. */
  async isFull(): Promise<boolean> {
    const counts = await this.#read()
    return this.#othersIn(counts) + this.#mine >= this.#options.limit()
  }

  /** So many are taken here, limit or not. */
  set(mine: number): void {
    this.#mine = mine
  }

  /** This hub has another id: under the old one nothing counts any more. */
  renamed(): void {
    this.#told = undefined
  }

  /** Makes the mark say what is true; one change at a time. Never rejects. */
  settle(): Promise<void> {
    this.#running ??= this.#run()
      .catch((error: unknown) => {
        this.#options.onError(error)
        this.#told = undefined
        this.#letIn(this.#waiting.length)
      })
      .finally(() => {
        this.#running = undefined
        if (this.#waiting.length > 0) void this.settle() // who came after the last look
      })
    return this.#running
  }

  async #run(): Promise<void> {
    let isFresh = this.#told === undefined
    let counts = isFresh ? await this.#read() : countsOf(this.#value)
    while (!this.isSettled) {
      const asked = this.#waiting.length
      const free = this.#options.limit() - this.#othersIn(counts) - this.#mine
      const granted = Math.max(0, Math.min(asked, free))
      if (granted < asked && !isFresh) {
        counts = await this.#read()
        isFresh = true
        continue
      }
      for (const refuse of this.#waiting.splice(granted)) refuse(false)
      const mine = this.#mine + granted
      const isStored = mine === this.#told || (await this.#write(counts, mine))
      counts = isStored ? countsOf(this.#value) : await this.#read()
      isFresh = !isStored
      if (isStored) this.#letIn(granted)
    }
  }

  #letIn(count: number): void {
    this.#mine += count
    for (const admit of this.#waiting.splice(0, count)) admit(true)
  }

  #othersIn(counts: Counts): number {
    const { [this.#options.nodeId()]: _, ...others } = counts
    return Object.values(others).reduce((sum, count) => sum + count, 0)
  }

  async #write(counts: Counts, mine: number): Promise<boolean> {
    const { log, name, nodeId } = this.#options
    const id = nodeId()
    const { [id]: _, ...others } = counts
    const to = textOf(mine === 0 ? others : { ...others, [id]: mine })
    const { outcome } = await log.append([], { marks: [{ name, from: this.#value, to }] })
    if (outcome !== 'stored') return false
    this.#value = to
    this.#told = id === nodeId() ? mine : undefined
    return true
  }

  /** Reads the mark, and then who is there: whoever counts was there before. */
  async #read(): Promise<Counts> {
    const { log, name, nodeId, living } = this.#options
    const { marks } = await log.marks(name, '', 1)
    const [mark] = marks
    this.#value = mark?.name === name ? mark.value : undefined
    const counts = livingIn(countsOf(this.#value), await living())
    this.#told = counts[nodeId()] ?? 0
    return counts
  }
}

export function countsOf(value: string | undefined): Counts {
  return value === undefined ? {} : (JSON.parse(value) as Counts) // written by `textOf` alone
}

export function textOf(counts: Counts): string | undefined {
  return Object.keys(counts).length === 0 ? undefined : JSON.stringify(counts)
}

export function livingIn(counts: Counts, living: readonly string[]): Counts {
  return Object.fromEntries(Object.entries(counts).filter(([id]) => living.includes(id)))
}
