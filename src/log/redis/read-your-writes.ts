/** How long a publisher waits for the entries of other hubs before its own; then they are fetched. */
const nearMs = 50
const farMs = 2_000

export interface ArrivalsOptions {
  /** Whether entries up to a position are here, or nothing more will come. */
  readonly isThere: (position: number) => boolean
  /** Asks for those that nobody has brought. Never rejects. */
  readonly fetch: (position: number) => Promise<void>
}

/** Who waits for entries that were appended to be readable here. */
export class Arrivals {
  readonly #options: ArrivalsOptions
  #waiting: (() => void)[] = []

  constructor(options: ArrivalsOptions) {
    this.#options = options
  }

  /** Entries came, or none will. */
  arrive(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const go of waiting) go()
  }

  /** Resolves when a position is readable, or after two seconds: Redis went away in between. Never rejects. */
  async upTo(position: number): Promise<void> {
    const deadline = performance.now() + farMs
    while (!this.#options.isThere(position) && performance.now() < deadline) {
      await this.#next()
      if (!this.#options.isThere(position)) await this.#options.fetch(position)
    }
  }

  /** Resolves when entries came, or none for a moment. */
  #next(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, nearMs)
      this.#waiting.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}
