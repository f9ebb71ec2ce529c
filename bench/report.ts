// Writes docs/performance.md, with tables and plots, from what `npm run bench` left in bench/results/.
//
//   npm run bench:report
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import type { Bench, Figure } from './harness/bench.ts'
import { plot } from './harness/plot.ts'
import { type BenchResult, type PointResult, savedResults, type Spread } from './harness/results.ts'
import { questions } from './questions/index.ts'

const root = new URL('../', import.meta.url)
const page = fileURLToPath(new URL('docs/performance.md', root))
const images = fileURLToPath(new URL('docs/images/performance/', root))
const introduction = fileURLToPath(new URL('bench/introduction.md', root))

const results = new Map(savedResults().map((result) => [result.bench, result]))
mkdirSync(images, { recursive: true })
const parts = [
  '<!-- Written by `npm run bench:report` from bench/introduction.md and bench/results/. Change those. -->',
  readFileSync(introduction, 'utf8'),
]
for (const [name, bench] of Object.entries(questions)) {
  const result = results.get(name)
  if (result === undefined) console.log(`${name}: not measured yet`)
  else parts.push(section(name, bench, result))
}
const options = (await resolveConfig(page)) ?? {}
writeFileSync(page, await format(parts.join('\n\n'), { ...options, parser: 'markdown' }))

function section(name: string, bench: Bench, result: BenchResult): string {
  const points = merged(result.points)
  const plots = bench.figures
    .filter(({ isPlotted }) => isPlotted === true && points.length > 1)
    .map((figure) => picture(name, bench, figure, points))
  return [
    `## ${bench.question}`,
    table(bench, points),
    ...plots,
    bench.remark ?? '',
    `<sub>\`${result.command}\`, commit ${result.commit}, Node ${result.node}, ${result.machine}, ${result.date}. Median (least to most) of ${result.runs} interleaved runs.</sub>`,
  ].join('\n\n')
}

/** Points of the same abscissa are one: a bench may measure its contestants there in different ways. */
function merged(points: readonly PointResult[]): readonly PointResult[] {
  const byX = new Map<number, PointResult>()
  for (const { x, contestants } of points)
    byX.set(x, { x, contestants: { ...byX.get(x)?.contestants, ...contestants } })
  return [...byX.values()].sort((one, other) => one.x - other.x)
}

function table(bench: Bench, points: readonly PointResult[]): string {
  const heads = bench.figures.map(({ title, unit }) => `${title}${unit === '' ? '' : `, ${unit}`}`)
  const lines = [
    `| ${bench.axis} | | ${heads.join(' | ')} |`,
    `| --: | :-- | ${heads.map(() => '--:').join(' | ')} |`,
  ]
  for (const { x, contestants } of points)
    for (const [name, spreads] of Object.entries(contestants)) {
      const base = contestants[bench.comparedWith ?? '']
      const isBase = name === bench.comparedWith
      const cells = bench.figures.map((figure) =>
        cell(figure, spreads[figure.key], isBase ? undefined : base?.[figure.key]),
      )
      lines.push(`| ${x.toLocaleString('en')} | ${name} | ${cells.join(' | ')} |`)
    }
  return lines.join('\n')
}

function cell(
  { factor = 1 }: Figure,
  spread: Spread | undefined,
  base: Spread | undefined,
): string {
  if (spread === undefined || !Number.isFinite(spread.median)) return ''
  const show = (value: number) => shown(value * factor)
  const range =
    spread.least === spread.most ? '' : ` (${show(spread.least)} to ${show(spread.most)})`
  const ratio =
    base === undefined || base.median === 0 ? '' : `, × ${shown(spread.median / base.median)}`
  return `**${show(spread.median)}**${range}${ratio}`
}

/** Three digits are as many as these machines can tell. */
function shown(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en', { maximumFractionDigits: 3 })
}

function picture(
  name: string,
  bench: Bench,
  figure: Figure,
  points: readonly PointResult[],
): string {
  const file = `${name}-${figure.key.replaceAll('_', '-')}.svg`
  const title = `${figure.title}, ${figure.unit}`
  writeFileSync(images + file, plot({ bench, figure, points, title }))
  return `![${title} against ${bench.axis}](images/performance/${file})`
}
