import type { RecentLine } from '../../http/operators/console/recent-lines.ts'
import type { Field, SampleRow } from '../../http/operators/console/samples.ts'
import type { Now } from '../../http/operators/console/source.ts'
import { Store } from '../shared/store.ts'
import { Refused, stats } from './hub.ts'

const mostSamples = 900
const mostLines = 200
/** What happened in the last minute is compared with what was before. */
const lately = 60

/** What the hub tells once a second, and what the page knows of the quarter of an hour before. */
export class Watch extends Store {
  now: Now | undefined
  lines: readonly RecentLine[] = []
  /** Why the hub was not heard, and since when. */
  problem: Refused | undefined
  silentSinceMs = 0
  #fields: readonly Field[] = []
  #rows: readonly SampleRow[] = []
  #isAsking = false

  /** Never rejects. A tab that nobody sees asks nothing, and later for all that it missed. */
  async look(): Promise<void> {
    if (document.hidden || this.#isAsking) return
    this.#isAsking = true
    try {
      const told = await stats(this.#rows.at(-1)?.[0] ?? 0, this.lines[0]?.number ?? 0)
      if (told.now.startedAtMs - (this.now?.startedAtMs ?? told.now.startedAtMs) > 5_000)
        this.lines = [] // another process, which counts anew
      this.now = told.now
      this.#fields = told.fields
      this.#rows = [...this.#rows, ...told.samples].slice(-mostSamples)
      this.lines = [...told.lines, ...this.lines].slice(0, mostLines)
      this.problem = undefined
    } catch (error) {
      if (this.problem === undefined) this.silentSinceMs = Date.now()
      this.problem = error instanceof Refused ? error : new Refused(0, String(error))
    }
    this.#isAsking = false
    this.changed()
  }

  get times(): readonly number[] {
    return this.#rows.map(([atS]) => atS)
  }

  column(field: Field): readonly (number | null)[] {
    const index = this.#fields.indexOf(field) + 1
    return this.#rows.map((row) => row[index] ?? null)
  }

  /** The newest value that is known, of the last few seconds. */
  value(field: Field, overS = 3): number | undefined {
    return known(this.column(field).slice(-overS)).at(-1)
  }

  sum(field: Field, overS = mostSamples): number {
    return known(this.column(field).slice(-overS)).reduce((so, value) => so + value, 0)
  }

  /** The median before the last minute; undefined while that is not known. */
  usual(field: Field): number | undefined {
    const values = known(this.column(field).slice(0, -lately)).sort((one, other) => one - other)
    return values[Math.floor(values.length / 2)]
  }

  highest(field: Field, overS: number): number {
    return Math.max(0, ...known(this.column(field).slice(-overS)))
  }
}

function known(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null)
}
