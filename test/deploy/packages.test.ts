import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { options, variableOf } from '../../src/config/options/table.ts'
import { repositoryFile, without } from '../fixtures/proxy.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const variables = new Set(Object.keys(options).map(variableOf))

t.test(
  'deploy/cinnabar.service is a unit that systemd understands',
  {
    skip: without('systemd-analyze'),
  },
  async (t) => {
    const { status, stderr } = spawnSync(
      'systemd-analyze',
      ['verify', `${root}deploy/cinnabar.service`],
      {
        encoding: 'utf8',
      },
    )

    // A machine without /usr/bin/node says so, and has nothing against the unit.
    const complaints = stderr.split('\n').filter((line) => /cinnabar\.service/.test(line))
    t.strictSame(
      complaints.filter((line) => !/not executable/.test(line)),
      [],
    )
    t.ok(status === 0 || complaints.length > 0)
  },
)

t.test('what the Dockerfile copies is there, and what it runs is the command', async (t) => {
  const file = repositoryFile('Dockerfile')
  const { bin } = JSON.parse(repositoryFile('package.json')) as { bin: { cinnabar: string } }

  const copied = [...file.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = '']) =>
    names.split(' '),
  )
  t.ok(copied.length > 5)
  for (const name of copied) t.ok(existsSync(root + name), name)
  t.match(file, `ENTRYPOINT ["node", "${bin.cinnabar}"]`)
  t.match(file, /^USER node$/m)
})

for (const name of [
  'Dockerfile',
  'deploy/cinnabar.service',
  'Caddyfile.example',
  'deploy/nginx.conf.example',
])
  t.test(`${name} names options that exist`, async (t) => {
    const named = [...repositoryFile(name).matchAll(/MERCURE_[A-Z_]+[A-Z]/g)].map(
      ([found]) => found,
    )
    t.strictSame(
      named.filter((found) => !variables.has(found)),
      [],
    )
  })

t.test(
  'a packed tarball holds what was built, every script of Redis, and no source map',
  async (t) => {
    const { scripts } = JSON.parse(repositoryFile('package.json')) as {
      scripts: { prepack: string }
    }
    const pack = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
      cwd: root,
      encoding: 'utf8',
    })
    const [{ files }] = JSON.parse(pack.stdout) as [{ files: { path: string }[] }]
    const names = files.map(({ path }) => path)

    t.equal(scripts.prepack, 'node scripts/build.mjs', 'a fresh clone is built before it is packed')
    for (const name of ['dist/src/index.js', 'dist/src/index.d.ts', 'dist/src/cli/main.js'])
      t.ok(names.includes(name), name)
    t.ok(names.includes('dist/src/log/redis/scripts/append.lua'))
    t.strictSame(
      names.filter((name) => name.endsWith('.map')),
      [],
    )
  },
)
