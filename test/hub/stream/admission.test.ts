import t from 'tap'
import { Crowd } from '../../fixtures/crowd.ts'
import { startHub } from '../../fixtures/hub.ts'
import { until } from '../../fixtures/until.ts'
import { maxWaiting, Pacing } from '../../../src/hub/stream/admission.ts'

const fail = (error: unknown) => {
  throw error
}
const here = () => false

t.test('who comes alone begins at once; a crowd begins in order, some each turn', async (t) => {
  const pacing = new Pacing(fail)
  const begun: number[] = []

  pacing.enter(() => begun.push(0), here)
  t.strictSame(begun, [0])
  for (let i = 1; i < 100; i++) pacing.enter(() => begun.push(i), here)
  t.ok(begun.length < 100 && pacing.waiting === 100 - begun.length)
  await until(() => pacing.waiting === 0)

  t.strictSame(
    begun,
    Array.from({ length: 100 }, (_, i) => i),
  )
})

t.test('who has gone while waiting is passed over, and one that throws stops nobody', async (t) => {
  const errors: unknown[] = []
  const pacing = new Pacing((error) => errors.push(error))
  const begun: number[] = []
  const failure = new Error('injected')
  for (let i = 0; i < 200; i++)
    pacing.enter(
      () => {
        if (i === 150) throw failure
        begun.push(i)
      },
      () => i % 2 === 1,
    )

  await until(() => pacing.waiting === 0)

  t.strictSame(errors, [failure])
  t.notOk(begun.includes(199))
  t.ok(begun.includes(198))
})

t.test(`${maxWaiting} may wait, and one more is refused`, async (t) => {
  const pacing = new Pacing(fail)
  let isTaken = true
  while (isTaken && pacing.waiting < maxWaiting) isTaken = pacing.enter(() => {}, here)
  t.ok(isTaken)

  t.notOk(pacing.enter(() => t.fail('was not taken'), here))
  await until(() => pacing.waiting === 0)
  t.ok(pacing.enter(() => {}, here))
})

t.test('3,000 that come at once are all taken, and publishes are answered meanwhile', async (t) => {
  const hub = await startHub(t)
  const crowd = new Crowd(t)
  const request = 'GET /.well-known/mercure?match=a HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'

  const connecting = crowd.connect(hub.port, 0, 3_000, request)
  const statuses = new Set<number>()
  while (hub.hub.subscriberCount < 3_000)
    statuses.add((await hub.publish({ topic: 'b', data: 'x' })).status)

  t.equal(await connecting, 3_000)
  t.strictSame([...statuses], [200])
  t.equal(hub.hub.pacing.waiting, 0)
})
