// Answers the questions of bench/questions/, one file each, hub and load on a core of their own.
//
//   npm run bench                        all of them (an hour and a half)
//   npm run bench -- fanout publish      some of them
//   npm run bench -- fanout --runs 5 --peer go=http://127.0.0.1:8080/.well-known/mercure
//
// Results go to bench/results/NAME.json; `npm run bench:report` makes docs/performance.md of them.
import { parseArgs } from 'node:util'
import type { Bench, Point } from './harness/bench.ts'
import { type PointResult, save, type Spread, spreadOf } from './harness/results.ts'
import type { Figures } from './harness/load.ts'
import { type Contestant, peer } from './harness/server.ts'
import { questions } from './questions/index.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string', default: '3' },
    peer: { type: 'string', multiple: true, default: [] },
  },
})
const runs = Number(values.runs)
const peers = values.peer.map((text) => {
  const [name = '', url = ''] = text.split(/=(.*)/s)
  return peer(name, url)
})
const names = positionals.length > 0 ? positionals : Object.keys(questions)
const unknown = names.filter((name) => !(name in questions))
if (unknown.length > 0 || !(runs >= 1)) {
  console.error(
    `bench: unknown ${unknown.join(', ')}; there are ${Object.keys(questions).join(', ')}`,
  )
  process.exit(2)
}

for (const name of names) {
  const bench = questions[name]
  if (bench === undefined) continue
  console.log(`\n${name}: ${bench.question}`)
  const points: PointResult[] = []
  for (const point of bench.points) points.push(await measured(bench, point))
  save(name, runs, points)
}

/** The contestants in turn, as often as there are runs: a machine that drifts drifts under all of them. */
async function measured(bench: Bench, point: Point): Promise<PointResult> {
  const taken = new Map<string, Figures[]>()
  const present = [...point.contestants, ...peers].filter(isPresent)
  for (let run = 0; run < runs; run++)
    for (const contestant of present) {
      const figures = await once(contestant, point)
      taken.set(contestant.name, [...(taken.get(contestant.name) ?? []), figures])
    }
  const contestants: Record<string, Record<string, Spread>> = {}
  for (const [name, all] of taken) {
    const spreads: Record<string, Spread> = {}
    for (const key of Object.keys(all[0] ?? {}))
      spreads[key] = spreadOf(all.map((figures) => figures[key] ?? Number.NaN))
    contestants[name] = spreads
    const shown = bench.figures.map(
      ({ key, title, unit, factor = 1 }) =>
        `${title} ${((spreads[key]?.median ?? Number.NaN) * factor).toPrecision(3)} ${unit}`,
    )
    console.log(`  ${bench.axis} ${point.x}, ${name}: ${shown.join(', ')}`)
  }
  return { x: point.x, contestants }
}

function isPresent({ name, absence }: Contestant): boolean {
  if (absence !== undefined) console.log(`  without ${name}: ${absence}`)
  return absence === undefined
}

async function once(contestant: Contestant, point: Point): Promise<Figures> {
  const server = await contestant.start()
  try {
    return await point.measure(server)
  } finally {
    await server.stop()
  }
}
