import t, { type Test } from 'tap'
import type { Retention } from '../../src/log/log.ts'
import { RedisLog } from '../../src/log/redis.ts'
import { RedisServer } from '../fixtures/redis.ts'
import { logContract, unlimited } from './contract.ts'

const server = await RedisServer.start(t)
let prefixes = 0

async function open(t: Test, retention: Partial<Retention> = {}, prefix = `p${++prefixes}`) {
  const log = await RedisLog.open(`${server.url}?prefix=${prefix}`, { ...unlimited, ...retention })
  t.teardown(() => log.close())
  return log
}

logContract(t, (t, retention) => open(t, retention))
