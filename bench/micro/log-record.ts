// What does it cost to write and read a record by hand, and as JSON? An update of 64 bytes.
//
//   taskset -c 0 node bench/micro/log-record.ts     (Node 22.18 or newer;
//   on Node 20: taskset -c 0 node --import @tapjs/typescript/import bench/micro/log-record.ts)
import { EntryCache } from '../../src/log/entry-cache.ts'
import { readRecord, recordBytesAtMost, writeRecord } from '../../src/log/record.ts'

const rounds = 300_000
const update = {
  id: 'urn:uuid:0192f0a1-7c3e-7b1a-9d52-0f2f6f3c1a77',
  topics: ['https://example.com/books/1'],
  data: 'x'.repeat(64),
  isPrivate: false,
  type: '',
  retry: '',
}
const target = Buffer.allocUnsafeSlow(recordBytesAtMost(update))
const timeMs = Date.now()
const record = target.subarray(0, writeRecord(target, 0, 7, timeMs, update))
const json = Buffer.from(JSON.stringify({ timeMs, update }))
const cache = new EntryCache(8 * 1024 * 1024)
for (let position = 1; position <= 1_000; position++)
  cache.put({ position, kind: 'update', timeMs, update })

const questions = {
  write: () => writeRecord(target, 0, 7, timeMs, update),
  read: () => readRecord(record, 7),
  writeJson: () => Buffer.from(JSON.stringify({ timeMs, update })),
  readJson: () => JSON.parse(json.toString()),
  cached: (round: number) => cache.get(1 + (round % 1_000)),
}
const medians = Object.entries(questions).map(([name, run]) => {
  const times = Array.from({ length: 7 }, () => {
    const started = process.cpuUsage()
    for (let round = 0; round < rounds; round++) run(round)
    const { user, system } = process.cpuUsage(started)
    return (1_000 * (user + system)) / rounds
  }).toSorted((a, b) => a - b)
  return [name, Math.round(times[3] ?? 0)]
})
console.log(
  JSON.stringify({
    nanoseconds: Object.fromEntries(medians),
    bytes: record.length,
    jsonBytes: json.length,
  }),
)
