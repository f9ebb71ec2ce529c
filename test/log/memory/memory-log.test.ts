import t from 'tap'
import { MemoryLog } from '../../../src/log/memory/memory-log.ts'
import { logContract, unlimited } from '../contract.ts'

logContract(t, async (t, retention) => {
  const log = new MemoryLog({ ...unlimited, ...retention })
  t.teardown(() => log.close())
  return log
})
