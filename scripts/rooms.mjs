// Who may import whom: one row for each room, checked by `npm run lint`. CONTRIBUTING.md draws the map.
// A folder inherits the row of the room above it; files of one room import each other freely, without circles.
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/** room: [the rooms below it, the packages that have their home there]. */
const rooms = {
  net: [[], []],
  protocol: [[], []],
  'protocol/url-pattern': [['protocol/errors', 'protocol/text', 'protocol/slice'], []],
  'protocol/legacy': [['protocol', 'protocol/url-pattern'], []],
  config: [
    ['net', 'protocol'],
    ['yaml', 'zod'],
  ],
  auth: [['net', 'protocol', 'config'], []],
  'auth/token': [
    ['auth', 'auth/keys', 'net', 'protocol', 'config'],
    ['jose', 'lru-cache'],
  ],
  log: [['net', 'protocol'], []],
  'log/memory': [['log', 'protocol'], []],
  'log/lmdb': [['log', 'protocol'], ['lmdb']],
  'log/lmdb/repair': [['log', 'log/lmdb', 'protocol'], []],
  'log/redis': [['log', 'net', 'protocol'], ['ioredis']],
  registry: [['log', 'protocol'], ['lru-cache']],
  hub: [['registry', 'log', 'protocol'], []],
  http: [['hub', 'registry', 'log', 'auth', 'net', 'protocol', 'config'], ['fastify']],
  'http/metrics': [['http', 'hub', 'log', 'auth', 'protocol'], ['prom-client']],
  app: [
    ['http', 'hub', 'registry', 'log', 'auth', 'net', 'protocol', 'config', 'client'],
    ['fastify', 'pino'],
  ],
  workers: [
    ['app', 'http', 'hub', 'log', 'net', 'protocol', 'config'],
    ['fastify', 'pino'],
  ],
  cli: [
    ['workers', 'app', 'http', 'hub', 'log', 'auth', 'net', 'protocol', 'config', 'client'],
    ['fastify', 'pino', 'pino-pretty'],
  ],
}

const source = fileURLToPath(new URL('../src/', import.meta.url))
const isBrowserCode = (file) => /^(page|client)\//.test(file) && !file.endsWith('.ts')
const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => /\.tsx?$/.test(file) && !isBrowserCode(file))

const list = (names) => names.join(', ') || 'none'
const isIn = (file, names) =>
  names.some((name) => file.startsWith(`${name}/`) || file === `${name}.ts`)

const complaints = files.flatMap((file) =>
  importsOf(file).flatMap((name) => complaintAbout(file, name)),
)
for (const complaint of complaints) console.error(complaint)
process.exit(complaints.length > 0 ? 1 : 0)

/** The specifiers of a file, those of types included. */
function importsOf(file) {
  const { importedFiles } = ts.preProcessFile(readFileSync(source + file, 'utf8'), true, true)
  return importedFiles.map(({ fileName }) => fileName)
}

/** A sentence, when `file` may not import `name`; none for what is Node's or public (src/index.ts). */
function complaintAbout(file, name) {
  const room = roomOf(file)
  if (room === undefined) return []
  const [below, packages] = rooms[room]
  if (name.startsWith('node:')) return room.startsWith('protocol') ? complain('does no I/O') : []
  if (!name.startsWith('.'))
    return packages.includes(name) ? [] : complain(`may import of packages: ${list(packages)}`)
  const goal = posix.normalize(posix.join(posix.dirname(file), name))
  return isIn(goal, [room, ...below]) ? [] : complain(`may import: ${list(below)}`)

  function complain(rule) {
    return [`src/${file} imports ${name}: ${room}/ ${rule} (scripts/rooms.mjs)`]
  }
}

/** The longest room that a file lies in. */
function roomOf(file) {
  return Object.keys(rooms)
    .filter((room) => file.startsWith(`${room}/`))
    .toSorted((a, b) => b.length - a.length)[0]
}
