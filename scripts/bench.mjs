// `npm run bench` and `npm run bench:report`: builds what is stale and runs bench/run.ts or bench/report.ts.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { build, install } from './build.mjs'

const [program, ...args] = process.argv.slice(2)
install()
build()
const { status } = spawnSync(
  process.execPath,
  ['--import', '@tapjs/typescript/import', `bench/${program}.ts`, ...args],
  { cwd: fileURLToPath(new URL('..', import.meta.url)), stdio: 'inherit' },
)
process.exit(status ?? 1)
