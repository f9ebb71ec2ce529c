import { parseComponents } from '../../src/protocol/url-pattern/url-components.ts'
import { UrlPattern } from '../../src/protocol/url-pattern/url-pattern.ts'
import { evil, hardToCompile } from '../../test/protocol/url-pattern/evil.ts'

/**
 * How long can one stranger's URL Pattern hold the hub?
 *
 * Evil patterns against the topics that cost them most (first run, cold, and the best of ten), what
 * compiling may cost at worst, and what an ordinary pattern costs. Node 22.18 or later runs it as it
 * is: `node bench/micro/pattern-dos.ts`.
 */
const base = 'https://hub.example/.well-known/mercure'
const ordinary = 'https://example.com/books/:id'
const elaborate = 'https://example.com/users/:id/books/*/chapters/:chapter(\\d+)'

table('one topic against an evil pattern (ms)', evil.map(measureMatch))
table('compiling (ms)', Object.entries(hardToCompile).map(measureCompile))
table('in ordinary life (ns)', [
  measureOrdinary('matches', ordinary, 'https://example.com/books/12345'),
  measureOrdinary('another path', ordinary, 'https://example.com/users/12345'),
  measureOrdinary('another host', ordinary, 'https://example.org/books/12345'),
  measureOrdinary('elaborate', elaborate, 'https://example.com/users/1/books/foo-bar/chapters/12'),
])

type Row = Readonly<Record<string, string | number>>

function measureMatch({ name, pattern, topic }: (typeof evil)[number]): Row {
  const compiled = UrlPattern.compile(pattern, base)
  const components = parseComponents(topic, base)
  if (components === undefined) throw new Error(`${name}: the topic is no URL`)
  const runs = timesOf(10, () => void compiled.test(components))
  return { name, first: rounded(runs[0]), best: rounded(Math.min(...runs)) }
}

function measureCompile([name, pattern]: readonly [string, string]): Row {
  const runs = timesOf(10, () => void compileOrRefuse(pattern))
  return { name, first: rounded(runs[0]), best: rounded(Math.min(...runs)) }
}

function measureOrdinary(name: string, pattern: string, topic: string): Row {
  const compiled = UrlPattern.compile(pattern, base)
  const components = parseComponents(topic)
  if (components === undefined) throw new Error(`${name}: the topic is no URL`)
  const count = 1_000_000
  const runs = timesOf(5, () => {
    for (let index = 0; index < count; index++) compiled.test(components)
  })
  return { name, perTest: Math.round((Math.min(...runs) * 1e6) / count) }
}

function compileOrRefuse(pattern: string): UrlPattern | undefined {
  try {
    return UrlPattern.compile(pattern, base)
  } catch {
    return undefined
  }
}

function timesOf(count: number, run: () => void): number[] {
  return Array.from({ length: count }, () => {
    const start = performance.now()
    run()
    return performance.now() - start
  })
}

function rounded(ms = 0): number {
  return Math.round(ms * 1000) / 1000
}

function table(title: string, rows: readonly Row[]): void {
  console.log(`\n${title}, Node ${process.version}`)
  console.table(rows)
}
