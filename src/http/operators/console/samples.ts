/** How the samples of several workers become one. */
type Together = 'sum' | 'max' | 'min'

/** What is looked at once a second; docs/console.md says what each is. Times are milliseconds. */
export const fields = {
  streams: 'sum',
  replaying: 'sum',
  opened: 'sum',
  publishes: 'sum',
  publishesRefused: 'sum',
  streamsRefused: 'sum',
  deliveries: 'sum',
  deliveredBytes: 'sum',
  ackP50: 'max',
  ackP99: 'max',
  writeP50: 'max',
  writeP99: 'max',
  flushP50: 'max',
  flushP99: 'max',
  pendingBytes: 'sum',
  pendingMost: 'max',
  stalled: 'sum',
  peer: 'sum',
  slow: 'sum',
  stalledClosed: 'sum',
  expired: 'sum',
  rotated: 'sum',
  drained: 'sum',
  kicked: 'sum',
  error: 'sum',
  logEntries: 'max',
  logBytes: 'max',
  logWaitingBytes: 'sum',
  lag: 'max',
  loopP50: 'max',
  loopP99: 'max',
  cpu: 'sum',
  memory: 'sum',
  ready: 'min',
} as const satisfies Record<string, Together>

export type Field = keyof typeof fields
export const fieldNames = Object.keys(fields) as readonly Field[] // its own keys

/** Seconds since 1970, and a value for each field in the order of `fieldNames`; null: nothing to measure. */
export type SampleRow = readonly [atS: number, ...values: (number | null)[]]

/** Fifteen minutes. */
export const mostSamples = 900

/** The last samples, in a ring of numbers that is made once: 250 kB. */
export class Samples {
  readonly #rows = new Float64Array(mostSamples * (fieldNames.length + 1)).fill(Number.NaN)
  #next = 0
  #lastS = 0

  /** Takes a sample. Its second is later than the one before, whatever the clock says. */
  add(atMs: number, values: Readonly<Record<Field, number>>): void {
    this.#lastS = Math.max(this.#lastS + 1, Math.round(atMs / 1000))
    const start = (this.#next++ % mostSamples) * (fieldNames.length + 1)
    this.#rows[start] = this.#lastS
    for (const [index, name] of fieldNames.entries()) this.#rows[start + 1 + index] = values[name]
  }

  /** Those after a second, oldest first. */
  after(atS: number): readonly SampleRow[] {
    const width = fieldNames.length + 1
    const rows: SampleRow[] = []
    for (let at = Math.max(0, this.#next - mostSamples); at < this.#next; at++) {
      const start = (at % mostSamples) * width
      if ((this.#rows[start] as number) <= atS) continue
      rows.push(rowOf(this.#rows.subarray(start, start + width)))
    }
    return rows
  }
}

function rowOf([atS = 0, ...values]: Float64Array): SampleRow {
  return [atS, ...values.map((value) => (Number.isNaN(value) ? null : rounded(value)))]
}

/** Three digits behind the point are enough for a picture. */
function rounded(value: number): number {
  return Math.round(value * 1000) / 1000
}

/** The samples of several workers as if they were one hub: those of the same second together. */
export function together(workers: readonly (readonly SampleRow[])[]): readonly SampleRow[] {
  const bySecond = new Map<number, SampleRow[]>()
  for (const row of workers.flat()) {
    const rows = bySecond.get(row[0])
    if (rows === undefined) bySecond.set(row[0], [row])
    else rows.push(row)
  }
  return [...bySecond]
    .sort(([one], [other]) => one - other)
    .slice(-mostSamples)
    .map(([atS, rows]) => [
      atS,
      ...fieldNames.map((name, index) =>
        combined(
          fields[name],
          rows.map((row) => row[index + 1]),
        ),
      ),
    ])
}

function combined(how: Together, values: readonly (number | null | undefined)[]): number | null {
  const known = values.filter((value) => typeof value === 'number')
  if (known.length === 0) return null
  if (how === 'sum') return rounded(known.reduce((so, value) => so + value, 0))
  return how === 'max' ? Math.max(...known) : Math.min(...known)
}

/** One field of some samples, what is unknown left out. */
export function valuesOf(rows: readonly SampleRow[], name: Field): readonly number[] {
  const column = fieldNames.indexOf(name) + 1
  return rows.map((row) => row[column]).filter((value) => typeof value === 'number')
}
