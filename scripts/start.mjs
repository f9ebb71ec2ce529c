// `npm start`: installs and builds what is stale, then runs the hub with its playground.
import { build, install } from './build.mjs'

install()
build()
process.argv.splice(2, 0, 'serve', '--playground')
await import('../dist/src/cli/main.js')
