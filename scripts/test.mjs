// `npm test`: installs and builds what is stale, fetches the services the tests talk to, runs the tests.
// Arguments are passed to tap: `npm test -- test/hub`.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { build, install } from './build.mjs'

const services = [{ command: 'chromium', package: 'chromium', for: 'the browser tests' }]

install()
build()
provideServices()
const root = fileURLToPath(new URL('..', import.meta.url))
const tap = fileURLToPath(new URL('../node_modules/tap/dist/esm/run.mjs', import.meta.url))
const { status } = spawnSync(process.execPath, [tap, ...process.argv.slice(2)], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
})
process.exit(status ?? 1)

function provideServices() {
  const missing = services.filter((service) => !has(service.command))
  if (missing.length === 0) return
  const names = missing.map((service) => service.package)
  const mayInstall = process.getuid?.() === 0 && has('apt-get')
  if (mayInstall) {
    spawnSync('apt-get', ['update', '-qq'], { stdio: 'ignore' })
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env,
    })
  }
  for (const service of services.filter((one) => !has(one.command)))
    console.log(
      `${process.env.CI ? 'missing' : 'skipped'}: ${service.for}, because ${service.command} is not installed (Debian: apt-get install ${service.package})`,
    )
}

function has(command) {
  return spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0
}
