import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'

/** Median and spread of a figure over the runs. */
export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

export interface PointResult {
  readonly x: number
  /** Contestant → figure → spread, in the order in which they took part. */
  readonly contestants: Readonly<Record<string, Readonly<Record<string, Spread>>>>
}

/** What a bench found, and where. A figure without commit, Node version and command is not a figure. */
export interface BenchResult {
  readonly bench: string
  readonly command: string
  readonly commit: string
  readonly node: string
  readonly machine: string
  readonly date: string
  readonly runs: number
  readonly points: readonly PointResult[]
}

const folder = fileURLToPath(new URL('../results/', import.meta.url))

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((one, other) => one - other)
  const at = (index: number) => sorted[index] ?? Number.NaN
  return { median: at(Math.floor(sorted.length / 2)), least: at(0), most: at(sorted.length - 1) }
}

export function save(bench: string, runs: number, points: readonly PointResult[]): void {
  mkdirSync(folder, { recursive: true })
  const result: BenchResult = {
    bench,
    command: `npm run bench -- ${bench} --runs ${runs}`,
    commit: git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', 'src') ? '+' : ''),
    node: process.version,
    machine: `${cpus().length} cores, ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}`,
    date: new Date().toISOString().slice(0, 10),
    runs,
    points,
  }
  writeFileSync(`${folder}${bench}.json`, `${JSON.stringify(result, null, 1)}\n`)
}

export function savedResults(): readonly BenchResult[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => JSON.parse(readFileSync(folder + name, 'utf8')) as BenchResult)
}

function git(...args: readonly string[]): string {
  return execFileSync('git', args, { encoding: 'utf8' }).trim()
}
