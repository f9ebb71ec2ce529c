import { readFileSync } from 'node:fs'
import t from 'tap'

const root = new URL('..', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
/** The list's rows; the formatter pads its tables. */
const rows = read('test/draft-07.md')
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter(([, section = '']) => /^\d/.test(section))

t.test('every test that the list names exists', async (t) => {
  for (const [, section = '', what, file = '', promise = ''] of rows)
    t.ok(promise.length > 10 && read(file).includes(promise), `${section} ${what}: ${promise}`)
})

t.test('every section of the description of 0.x is there', async (t) => {
  const sections = ['2.1', '2.2', '2.3', '2.4', '2.5', '2.6', '2.7', '2.8']
  t.strictSame([...new Set(rows.map(([, section]) => section))], sections)
})

t.test('every test of 0.x stands in the list, or tells of clients and commands', async (t) => {
  const named = new Set(rows.map(([, , , file, promise]) => `${file} ${promise}`))
  const files = ['publish', 'subscribe', 'subscriptions', 'tokens', 'mixed']
  const missing = files.flatMap((name) => {
    const file = `test/http/legacy/${name}.test.ts`
    const titles = read(file).matchAll(/^t\.test\(\s*'(?:behaviours? [\d, and]+: )?([^'\n]+)'/gm)
    return [...titles].map(([, title]) => `${file} ${title}`).filter((one) => !named.has(one))
  })
  t.strictSame(missing, [])
})
