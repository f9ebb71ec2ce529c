import { readFileSync } from 'node:fs'
import t from 'tap'

const root = new URL('../..', import.meta.url)
const read = (path: string) => readFileSync(new URL(path, root), 'utf8')
const rows = read('test/incidents/README.md')
  .split('\n')
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .filter(([, , , path]) => path?.startsWith('test/'))

t.test('each property that an incident left has the test that the list names', async (t) => {
  t.ok(rows.length > 30)
  for (const [, where, property, path = '', promise = ''] of rows) {
    const title = new RegExp(`\\btest\\(\\s*['\`]${escaped(promise)}['\`]`)
    t.match(read(path), title, `${where}: ${property}`)
  }
})

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
