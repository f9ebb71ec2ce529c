// `npm test`: installs and builds what is stale, fetches the services that the tests talk to, runs the tests.
// Arguments are passed on to tap: `npm test -- test/hub`.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build, install } from './build.mjs'

const services = [
  { command: 'chromium', package: 'chromium', needs: 'the browser tests' },
  { command: 'firefox-esr', package: 'firefox-esr', needs: 'the client in Firefox' },
  { command: 'caddy', package: 'caddy', needs: 'the tests behind Caddy' },
  { command: 'promtool', package: 'prometheus', needs: 'the tests with Prometheus' },
  { command: 'redis-server', package: 'redis-server', needs: 'the tests with Redis' },
  { command: 'strace', package: 'strace', needs: 'the count of system calls' },
  { command: 'nginx', package: 'nginx-light', needs: 'the tests behind nginx' },
]

const root = fileURLToPath(new URL('..', import.meta.url))
const results = fileURLToPath(new URL('../.tap/results.tap', import.meta.url))
const isMissing = ({ command }) =>
  spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status !== 0

install()
build()
installServices(services.filter(isMissing))
const missing = services.filter(isMissing)
for (const { command, package: name, needs } of missing)
  console.log(`skipping ${needs}: ${command} is not installed (on Debian: apt-get install ${name})`)

const status = runTests()
const { passed, failed, skipped } = summaryOf(readFileSync(results, 'utf8'))
const isIncomplete = process.env.CI !== undefined && missing.length > 0
console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
process.exit(isIncomplete || passed + failed === 0 ? 1 : status)

/** Debian's packages, where we may install them. */
function installServices(wanted) {
  const hasApt = !isMissing({ command: 'apt-get' })
  if (wanted.length === 0 || !hasApt || process.getuid?.() !== 0) return
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const quiet = { stdio: ['ignore', 'ignore', 'inherit'], env }
  spawnSync('apt-get', ['update', '-qq'], quiet)
  const names = wanted.map((service) => service.package)
  spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...names], quiet)
}

/** Runs tap. People get its own view; a log gets a line per file, and every failure with its reason. */
function runTests() {
  mkdirSync(fileURLToPath(new URL('../.tap', import.meta.url)), { recursive: true })
  writeFileSync(results, '') // or those of the run before would be reported when nothing runs
  const tap = fileURLToPath(new URL('../node_modules/tap/dist/esm/run.mjs', import.meta.url))
  const reporter = `--reporter=${process.stdout.isTTY ? 'base' : 'silent'}`
  const run = spawnSync(
    process.execPath,
    [tap, reporter, `--output-file=${results}`, ...process.argv.slice(2)],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
  )
  if (!process.stdout.isTTY) printDigest(readFileSync(results, 'utf8'))
  return run.status ?? 1
}

function printDigest(tapOutput) {
  let isReason = false
  for (const line of tapOutput.split('\n')) {
    isReason = /^\s*not ok/.test(line) || (isReason && !/^\s*(ok|#|\.\.\.)/.test(line))
    if (isReason || /^(ok|not ok)/.test(line)) console.log(line)
  }
}

/** Counts what tap wrote last: `# { total: 255, pass: 254, skip: 1 }`. */
function summaryOf(tapOutput) {
  const counts = tapOutput.match(/^# \{ total: .*\}$/gm)?.at(-1) ?? ''
  const count = (name) => Number(new RegExp(`\\b${name}: (\\d+)`).exec(counts)?.[1] ?? 0)
  return { passed: count('pass'), failed: count('fail'), skipped: count('skip') + count('todo') }
}
