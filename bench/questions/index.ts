import type { Bench } from '../harness/bench.ts'
import { connections } from './connections.ts'
import { fairness } from './fairness.ts'
import { fanout } from './fanout.ts'
import { feeds } from './feeds.ts'
import { idle } from './idle.ts'
import { patterns } from './patterns.ts'
import { payload } from './payload.ts'
import { presence } from './presence.ts'
import { privacy } from './privacy.ts'
import { profile } from './profile.ts'
import { publish } from './publish.ts'
import { scrape } from './scrape.ts'
import { rates } from './rates.ts'
import { redis } from './redis.ts'
import { slow } from './slow.ts'
import { steady } from './steady.ts'
import { storm } from './storm.ts'
import { subscribers } from './subscribers.ts'
import { topics } from './topics.ts'
import { users } from './users.ts'
import { workers } from './workers.ts'

/** Every question, in the order of the report. */
export const questions: Readonly<Record<string, Bench>> = {
  fanout,
  steady,
  subscribers,
  payload,
  topics,
  patterns,
  privacy,
  users,
  slow,
  fairness,
  publish,
  workers,
  redis,
  feeds,
  rates,
  profile,
  connections,
  presence,
  idle,
  scrape,
  storm,
}
