import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import t from 'tap'

const assets = new URL('../../dist/src/page/assets/', import.meta.url)
const mostBytes = 80 * 1024

t.test('everything that a browser loads, of both pages, is at most 80 KB compressed', async (t) => {
  const files = readdirSync(assets)
  const sizes = files.map((file) => gzipSync(readFileSync(new URL(file, assets))).length)

  const sum = sizes.reduce((so, size) => so + size, 0)

  for (const file of ['playground.html', 'playground.js', 'console.html', 'console.js'])
    t.ok(files.includes(file), file)
  t.ok(sum <= mostBytes, `${sum} bytes`)
})

t.test(
  'no file names another host, but for the namespaces of SVG and links in licences',
  async (t) => {
    for (const file of readdirSync(assets).filter((name) => !name.endsWith('.txt'))) {
      const text = readFileSync(new URL(file, assets), 'utf8')
      const hosts = [...text.matchAll(/https?:\/\/([a-z0-9.-]+)/g)].map(([, host]) => host)
      const others = hosts.filter(
        (host) => !/^(www\.w3\.org|(.+\.)?example\.com|mercure\.rocks|localhost)$/.test(host ?? ''),
      )
      t.strictSame(others, [], file)
    }
  },
)
