import { type Contestant, hub, type HubOptions } from './server.ts'

/** A part of the program, as the table of profiles names it. */
export const parts = {
  writes: 'writing to sockets',
  node: 'Node’s sockets and HTTP',
  native: 'reading, waking, native code',
  gc: 'garbage collection',
  http: '`http/`',
  auth: '`auth/`, `protocol/`',
  hub: '`hub/`, `registry/`',
  log: '`log/`, lmdb',
} as const
type Part = keyof typeof parts

interface CallFrame {
  readonly functionName: string
  readonly url: string
}

/** What V8's profiler hands out, as far as it is read here. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: CallFrame
    readonly children?: readonly number[]
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const adminPort = 42_020

/** A hub whose profile can be taken. */
export function profiled(options: HubOptions & { readonly name: string }): Contestant {
  return hub({ ...options, env: { ...options.env, MERCURE_ADMIN_PORT: String(adminPort) } })
}

/** Takes a profile of a `profiled` hub; resolves with each part's share of the time in which it was not idle, in %. */
export async function shares(seconds: number): Promise<Readonly<Record<Part, number>>> {
  const url = `http://127.0.0.1:${adminPort}/debug/cpu-profile?seconds=${seconds}`
  return sharesOf((await (await fetch(url)).json()) as Profile)
}

function sharesOf({ nodes, samples, timeDeltas }: Profile): Record<Part, number> {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(
    nodes.flatMap(({ id, children = [] }) => children.map((one) => [one, id])),
  )
  const partOfNode = (id: number): Part | 'none' | undefined => {
    const frame = byId.get(id)?.callFrame
    if (frame === undefined) return 'native'
    const parent = parents.get(id)
    return partOf(frame) ?? (parent === undefined ? 'native' : partOfNode(parent))
  }
  const micros = new Map<Part, number>()
  let sum = 0
  for (const [index, id] of samples.entries()) {
    const part = partOfNode(id) ?? 'native'
    if (part === 'none') continue
    const delta = timeDeltas[index] ?? 0
    micros.set(part, (micros.get(part) ?? 0) + delta)
    sum += delta
  }
  const names = Object.keys(parts) as Part[] // its own keys
  const share = (part: Part) => (100 * (micros.get(part) ?? 0)) / sum
  return Object.fromEntries(names.map((part) => [part, share(part)])) as Record<Part, number>
}

const socketWrites = /^(writev|writeBuffer|write(Utf8|Latin1|Ascii)String)$/

/** Native functions belong to whoever called them: undefined for those. Idling and profiling are no work. */
function partOf({ functionName, url }: CallFrame): Part | 'none' | undefined {
  if (functionName === '(idle)' || functionName === 'cpuProfile' || url === 'node:inspector')
    return 'none'
  if (functionName === '(garbage collector)') return 'gc'
  if (functionName === '(program)' || functionName === '(root)') return 'native'
  if (url === '') return socketWrites.test(functionName) ? 'writes' : undefined
  if (url.startsWith('node:')) return 'node'
  const room = /\/dist\/src\/(\w+)\//.exec(url)?.[1]
  if (room === 'http') return 'http'
  if (room === 'auth' || room === 'protocol') return 'auth'
  if (room === 'hub' || room === 'registry') return 'hub'
  if (room === 'log' || /\/node_modules\/(lmdb|msgpackr|ordered-binary)\//.test(url)) return 'log'
  return 'native'
}
