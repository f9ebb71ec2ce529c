import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { temporaryFolder } from '../../fixtures/hub-process.ts'
import { settingsOf } from '../../fixtures/hub.ts'
import { until } from '../../fixtures/until.ts'
import { Crew, type CrewOptions } from '../../../src/workers/primary/supervisor.ts'

/** A crew whose workers run this program. */
function crewOf(t: Test, program: string, options: Partial<CrewOptions> = {}): Crew {
  const path = `${temporaryFolder(t)}/worker.mjs`
  writeFileSync(path, program)
  const crew = new Crew({
    count: 2,
    entry: pathToFileURL(path),
    settings: settingsOf({ anonymous: true }),
    onLine() {},
    onNote() {},
    answer: () => null,
    permits: () => ({ granted: 1, retryAfterSeconds: 0 }),
    onReady() {},
    onSilent() {},
    onEnded() {},
    onHung() {},
    ...options,
  })
  t.teardown(() => crew.end())
  return crew
}

t.test('workers that end before they are ready, three times in a row, end the start', async (t) => {
  const crew = crewOf(t, 'process.exit(3)')

  await t.rejects(crew.start(), {
    message:
      /^workers end before they are ready, 3 times in a row \(worker [12] with exit code 3\)/,
  })
})

t.test('a worker that says why it cannot start ends the start at once, with that', async (t) => {
  const program = `process.send({ kind: 'failed', problem: 'no key' }, () => process.exit(1))`

  await t.rejects(crewOf(t, program).start(), { message: 'no key' })
})

t.test('who ends is replaced after a while that doubles each time', async (t) => {
  const waits: number[] = []
  const program = `process.send({ kind: 'ready' }, () => process.exit(1))`
  const crew = crewOf(t, program, {
    count: 1,
    onEnded: (_worker, _end, replacedInMs) => waits.push(replacedInMs),
  })

  await crew.start()
  await until(() => waits.length >= 4)

  t.strictSame(waits.slice(0, 4), [100, 200, 400, 800])
})
