import { type Connection, RedisRefusal, type Reply } from './connection.ts'
import type { RedisTarget } from '../../net/redis-url.ts'

/** What this Redis' settings may take back of what the hub acknowledges: sentences for the operator. */
export async function redisWarnings(
  connection: Connection,
  { waitsForDisk, replicas }: RedisTarget,
): Promise<string[]> {
  const [info] = await connection.call([['INFO']])
  const found = new Map(
    String(info)
      .split('\r\n')
      .map((line) => line.split(':', 2) as [string, string]),
  )
  const warnings: string[] = []
  if (found.get('aof_enabled') === '1') warnings.push(...(await fsync(connection, waitsForDisk)))
  else
    warnings.push(
      `redis: persistence is off (appendonly no): acknowledged updates since its last snapshot, or all of them, are lost when it restarts; set appendonly yes and appendfsync always`,
    )
  const policy = found.get('maxmemory_policy')
  if (policy !== undefined && policy !== 'noeviction')
    warnings.push(
      `redis: maxmemory-policy is ${policy}: it may evict the history, or what makes an append happen once; set noeviction`,
    )
  if (connection.replicas > 0 && replicas === 0)
    warnings.push(
      'redis: replicas=0: a failover may take back what was acknowledged just before it',
    )
  if (connection.replicas < (replicas ?? 0))
    warnings.push(
      `redis: ${connection.replicas} replicas are connected, and replicas=${replicas}: no update is acknowledged until there are as many`,
    )
  return warnings
}

async function fsync(connection: Connection, waitsForDisk: boolean): Promise<string[]> {
  if (waitsForDisk) return []
  try {
    const [reply] = await connection.call([['CONFIG', 'GET', 'appendfsync']])
    const policy = String((reply as readonly Reply[])[1])
    if (policy === 'always') return []
    return [
      `redis: appendfsync is ${policy}: a crash of its machine may take back the last ${policy === 'everysec' ? 'second' : 'half minute'} of acknowledged updates; set appendfsync always, or wait=aof in the URL (Redis 7.2)`,
    ]
  } catch (error) {
    if (!(error instanceof RedisRefusal)) throw error
    return ['redis: its appendfsync cannot be read; anything but always may lose updates']
  }
}
