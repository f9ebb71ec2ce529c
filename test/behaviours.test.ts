import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'

const root = new URL('..', import.meta.url)
/** The list's lines; the formatter pads its tables. */
const lines = readFileSync(new URL('test/behaviours.md', root), 'utf8')
  .split('\n')
  .map((line) => line.replaceAll(/ *\| */g, ' | ').trim())

/** `| 12 | test/http/subscribe/subscribe.test.ts | private updates are filtered by grant |` for each number in a title. */
function rowsOfTests(): string[] {
  const files = readdirSync(new URL('test/', root), { recursive: true, encoding: 'utf8' })
  return files
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => file.endsWith('.test.ts') && file !== 'behaviours.test.ts')
    .flatMap((file) => rowsOf(file, readFileSync(new URL(`test/${file}`, root), 'utf8')))
}

function rowsOf(file: string, source: string): string[] {
  const titles = source.matchAll(/\.test\(\s*'behaviours? (\d+(?:(?:, | and )\d+)*)[: ]([^'\n]+)'/g)
  return [...titles].flatMap(([, numbers = '', promise = '']) =>
    numbers.split(/, | and /).map((number) => `| ${number} | test/${file} | ${promise.trim()} |`),
  )
}

const claimed = lines.filter((line) => /^\| \d+ \| test\//.test(line))
const numberOf = (row: string) => Number(/^\| (\d+)/.exec(row)?.[1])

t.test(
  'every number that the list claims stands in the title of a test, and the other way round',
  async (t) => {
    t.strictSame(claimed.toSorted(), rowsOfTests().toSorted())
  },
)

t.test('each of the 141 behaviours is covered, or the list says why it is not', async (t) => {
  const covered = new Set(claimed.map(numberOf))
  const excused = new Set(
    [...lines.join('\n').matchAll(/^\| (\d+)(?: to (\d+))? \| (?!test\/)/gm)].flatMap(
      ([, from, to = from]) =>
        Array.from({ length: Number(to) - Number(from) + 1 }, (_, i) => Number(from) + i),
    ),
  )
  const all = Array.from({ length: 141 }, (_, i) => i + 1)

  t.strictSame(
    all.filter((number) => !covered.has(number) && !excused.has(number)),
    [],
    'neither covered nor excused',
  )
  t.strictSame(
    all.filter((number) => covered.has(number) && excused.has(number)),
    [],
    'both covered and excused',
  )
})
