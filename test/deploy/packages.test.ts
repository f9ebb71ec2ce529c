import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { options, variableOf } from '../../src/config/options/table.ts'
import { HubProcess } from '../fixtures/hub-process.ts'
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

t.test('every package of the lock file has the hash of what was published', async (t) => {
  const { packages } = JSON.parse(repositoryFile('package-lock.json')) as {
    packages: Record<string, { integrity?: string; resolved?: string }>
  }
  const locked = Object.entries(packages).filter(([name]) => name !== '')

  t.ok(locked.length > 200)
  const withoutHash = locked.filter(
    ([, { integrity }]) => integrity?.startsWith('sha512-') !== true,
  )
  t.strictSame(withoutHash, [])
  const withPlace = locked.filter(([, { resolved }]) => resolved !== undefined)
  t.strictSame(withPlace, [], 'which may come from any registry')
})

t.test('images are named by their exact version', async (t) => {
  const images = [...repositoryFile('Dockerfile').matchAll(/^FROM (\S+)/gm)].map(([, name]) => name)

  t.equal(images.length, 2)
  for (const image of images) t.match(image, /^node:\d+\.\d+\.\d+-[\w-]+(@sha256:[0-9a-f]{64})?$/)
})

t.test('the image’s health check finds a hub, with and without its admin listener', async (t) => {
  const [, list = ''] = /^ {2}CMD (\["node", "-e", .*\])$/m.exec(repositoryFile('Dockerfile')) ?? []
  const [, ...args] = JSON.parse(list) as string[]
  const check = async (env: Record<string, string>) => {
    const child = spawn(process.execPath, args, { env })
    const [code] = (await once(child, 'exit')) as [number]
    return code
  }
  t.match(list, ` admin = ${options.admin_port.default},`)
  t.match(list, ` hub = ${options.port.default} `)

  const both = await HubProcess.start(t, { args: ['--playground'] })
  const MERCURE_PORT = new URL(both.origin).port
  const MERCURE_ADMIN_PORT = new URL(both.adminUrl).port
  t.equal(await check({ MERCURE_PORT, MERCURE_ADMIN_PORT }), 0)
  t.equal(await check({ MERCURE_PORT, MERCURE_ADMIN_PORT: 'off' }), 0, 'by the public listener')
  await both.kill()
  t.equal(await check({ MERCURE_PORT, MERCURE_ADMIN_PORT }), 1)
  t.equal(await check({ MERCURE_PORT, MERCURE_ADMIN_PORT: 'off' }), 1)
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
