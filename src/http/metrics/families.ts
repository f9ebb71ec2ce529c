import { Counter, Gauge, type Metric, Registry } from 'prom-client'

/** Upper bounds of the buckets of every histogram, in seconds. */
const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** How several processes' values of a gauge become one. */
export type Aggregator = 'sum' | 'max' | 'min'

export type Labels = Readonly<Record<string, string>>

/** Names, sentences and how to read a value at a scrape. Whatever counts is a plain number elsewhere. */
export class Families {
  readonly registry = new Registry()

  counter(name: string, help: string, read: () => number): void {
    const registers = [this.registry]
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(read())
      },
    })
  }

  /** A counter for each value of one label. */
  counters(name: string, help: string, label: string, values: ReadonlyMap<string, number>): void {
    const registers = [this.registry]
    new Counter({
      name,
      help,
      registers,
      labelNames: [label],
      collect() {
        this.reset()
        for (const [value, count] of values) this.inc({ [label]: value }, count)
      },
    })
  }

  gauge(name: string, help: string, read: () => number, aggregator: Aggregator = 'sum'): void {
    const registers = [this.registry]
    new Gauge({
      name,
      help,
      registers,
      aggregator,
      collect() {
        this.set(read())
      },
    })
  }

  /** A gauge for each of several labels; those that are gone are not shown any more. */
  gauges(
    name: string,
    help: string,
    labelNames: readonly string[],
    read: () => Iterable<readonly [labels: Labels, value: number]>,
    aggregator: Aggregator = 'max',
  ): void {
    const registers = [this.registry]
    new Gauge({
      name,
      help,
      registers,
      labelNames: [...labelNames],
      aggregator,
      collect() {
        this.reset()
        for (const [labels, value] of read()) this.set({ ...labels }, value)
      },
    })
  }

  histogram(name: string, help: string): Histogram {
    const histogram = new Histogram(name, help)
    this.registry.registerMetric(histogram as unknown as Metric) // it has what a registry asks for: name and get
    return histogram
  }
}

/** Durations by bucket. An observation is a few comparisons and three additions. */
export class Histogram {
  readonly name: string
  readonly #help: string
  readonly #counts = new Float64Array(bounds.length + 1)
  #seconds = 0
  #count = 0

  constructor(name: string, help: string) {
    this.name = name
    this.#help = help
  }

  observe(seconds: number): void {
    let bucket = 0
    while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket++
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#seconds += seconds
    this.#count++
  }

  /** In the shape that prom-client prints, and adds up over processes. */
  async get() {
    let below = 0
    const buckets = [...bounds, '+Inf'].map((le, index) => {
      below += this.#counts[index] as number
      return { labels: { le }, value: below, metricName: `${this.name}_bucket` }
    })
    return {
      name: this.name,
      help: this.#help,
      type: 'histogram',
      aggregator: 'sum',
      values: [
        ...buckets,
        { labels: {}, value: this.#seconds, metricName: `${this.name}_sum` },
        { labels: {}, value: this.#count, metricName: `${this.name}_count` },
      ],
    }
  }

  /** Asked for by registries that are cleared. */
  reset(): void {
    this.#counts.fill(0)
    this.#seconds = this.#count = 0
  }
}
