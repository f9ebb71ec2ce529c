// Builds dist/ when a source is newer than the last build. Plain JavaScript, because nothing is built yet.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const stamp = join(root, 'dist/.built')

/** Installs the locked dependencies when there are none, or others than the lock file asks for. */
export function install() {
  const lock = join(root, 'package-lock.json')
  const installed = join(root, 'node_modules/.package-lock.json') // npm's own note of what it did
  const note = join(root, 'node_modules/.installed') // the lock file that it did it for: git changes its time
  const wanted = readFileSync(lock, 'utf8')
  const isThere = existsSync(installed)
  if (isThere && existsSync(note) && readFileSync(note, 'utf8') === wanted) return
  if (!isThere || changedAt(installed) < changedAt(lock))
    run('npm', ['ci', '--no-audit', '--no-fund'])
  writeFileSync(note, wanted)
}

/** Compiles src/ and bundles what a browser loads. Nothing happens when no source changed since. */
export function build() {
  const sources = ['src', 'package.json', 'tsconfig.json', 'scripts/bundle.mjs'].map((name) =>
    join(root, name),
  )
  if (existsSync(stamp) && sources.every((source) => newestIn(source) < changedAt(stamp))) return
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  run(process.execPath, [
    join(root, 'node_modules/typescript/bin/tsc'),
    '-p',
    'tsconfig.build.json',
  ])
  chmodSync(join(root, 'dist/src/cli/main.js'), 0o755) // npx runs it as it is
  const scripts = 'src/log/redis/scripts'
  for (const name of readdirSync(join(root, scripts)).filter((file) => file.endsWith('.lua')))
    cpSync(join(root, scripts, name), join(root, 'dist', scripts, name))
  run(process.execPath, [join(root, 'scripts/bundle.mjs')])
  writeFileSync(stamp, '')
}

function run(command, args) {
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (status !== 0) process.exit(status ?? 1)
}

function newestIn(path) {
  if (!statSync(path).isDirectory()) return changedAt(path)
  return Math.max(changedAt(path), ...readdirSync(path).map((name) => newestIn(join(path, name))))
}

function changedAt(path) {
  return statSync(path).mtimeMs
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  install()
  build()
}
