import { Connection, RedisRefusal, type Reply } from './connection.ts'
import { scripts } from './scripts/scripts.ts'
import type { RedisAddress, RedisTarget } from '../../net/redis-url.ts'

/** Redis 7 has scripts with flags; Valkey began after it. */
const leastVersion = 7
/** The first that has WAITAOF. */
const leastForDisk = 7.2

/** Refuses who is too old or no primary, learns which server it is, and hands over the scripts. */
export async function greet(connection: Connection, { waitsForDisk }: RedisTarget): Promise<void> {
  const [role, info] = await connection.call([['ROLE'], ['INFO', 'server']])
  const server = String(info)
  const version = /^redis_version:(\S+)/m.exec(server)?.[1] ?? ''
  if (Number.parseInt(version, 10) < leastVersion) throw new RedisRefusal(`VERSION ${version}`)
  if (waitsForDisk && Number.parseFloat(version) < leastForDisk)
    throw new RedisRefusal(`WAITAOF is not in ${version}`)
  const [what, , replicas] = role as readonly Reply[]
  if (String(what) !== 'master')
    throw new RedisRefusal(`READONLY the server is a ${String(what)}, no primary`)
  connection.server = /^run_id:(\S+)/m.exec(server)?.[1] ?? ''
  connection.replicas = Array.isArray(replicas) ? replicas.length : 0
  await connection.call(scripts.map((script) => ['SCRIPT', 'LOAD', script.source]))
}

/** What a Sentinel or a node of the Cluster knows. */
export interface Found {
  readonly primary: RedisAddress
  /** Others that know as much, for the day on which this one is away. */
  readonly others: readonly RedisAddress[]
}

/** Asks a Sentinel, or a node of the Cluster, which server takes writes to the history. */
export function findPrimary(asked: Connection, target: RedisTarget): Promise<Found> {
  return target.kind === 'sentinel' ? askSentinel(asked, target) : askCluster(asked, target)
}

async function askSentinel(asked: Connection, { name }: RedisTarget): Promise<Found> {
  const [found] = await asked.call([['SENTINEL', 'get-master-addr-by-name', name]])
  if (!Array.isArray(found)) throw new RedisRefusal(`Sentinel knows no primary called ${name}`)
  const [others] = await asked.call([['SENTINEL', 'sentinels', name]])
  return {
    primary: addressOf(found),
    others: (others as readonly (readonly Reply[])[]).map((row) => {
      const fields = row.map(String)
      const field = (key: string) => fields[fields.indexOf(key) + 1] ?? ''
      return addressOf([field('ip'), field('port')])
    }),
  }
}

async function askCluster(asked: Connection, { prefix }: RedisTarget): Promise<Found> {
  const [slot, ranges] = await asked.call([
    ['CLUSTER', 'KEYSLOT', `{${prefix}}`],
    ['CLUSTER', 'SLOTS'],
  ])
  const others: RedisAddress[] = []
  let primary: RedisAddress | undefined
  for (const range of ranges as readonly (readonly Reply[])[]) {
    const [from, to, ...nodes] = range
    const addresses = nodes.map((node) => addressOf(node as readonly Reply[], asked.address.host))
    others.push(...addresses)
    if (Number(from) <= Number(slot) && Number(slot) <= Number(to)) primary ??= addresses[0]
  }
  if (primary === undefined)
    throw new RedisRefusal('CLUSTERDOWN no node of the Cluster serves the slot of the history')
  return { primary, others }
}

/** A node that does not know its own address leaves it empty: it is the one that was asked. */
function addressOf([host, port]: readonly (Reply | string)[], unnamed = ''): RedisAddress {
  const name = host === null || host === undefined ? '' : String(host)
  return { host: name === '' ? unnamed : name, port: Number(String(port)) }
}
