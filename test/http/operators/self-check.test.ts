import { fileURLToPath } from 'node:url'
import t from 'tap'
import { ask } from '../../fixtures/http.ts'
import { HubProcess, temporaryFolder, type Test } from '../../fixtures/hub-process.ts'
import { until } from '../../fixtures/until.ts'
import { childrenOf } from '../../fixtures/workers.ts'

const fault = fileURLToPath(new URL('../../fixtures/mute-parser.cjs', import.meta.url))
const sentence = /accepts connections and does not answer/

async function start(t: Test, workers: string): Promise<HubProcess> {
  return HubProcess.start(t, {
    env: {
      NODE_OPTIONS: `--require=${fault} --no-deprecation`,
      MERCURE_WORKERS: workers,
      MERCURE_TRANSPORT_URL: workers === '1' ? 'memory:' : `lmdb:${temporaryFolder(t)}`,
    },
    args: ['--playground'],
  })
}

/** The listeners that the hub found silent, each by the error that it logged. */
function silentListeners({ log }: HubProcess): unknown[] {
  return log
    .filter(({ level, msg }) => level === 50 && sentence.test(String(msg)))
    .map(({ listener }) => listener)
}

t.test(
  'a listener that takes connections and says nothing turns live red, and is told once as an error',
  async (t) => {
    const [one, several] = await Promise.all([start(t, '1'), start(t, '2')])
    const [, second = 0] = childrenOf(several.pid ?? 0)
    t.equal((await ask(`${one.adminUrl}/health/live`)).status, 200)
    t.equal((await ask(`${several.adminUrl}/health/live`)).status, 200)

    one.signal('SIGUSR2')
    process.kill(second, 'SIGUSR2')
    await until(() => silentListeners(one).length > 0)
    await until(() => silentListeners(several).length > 0)

    t.match(String(silentListeners(one)[0]), /^(public|admin)$/)
    t.match(String(silentListeners(several)[0]), /^(worker 2|public)$/)
    const live = await ask(`${several.adminUrl}/health/live`)
    t.equal(live.status, 503)
    t.match(live.text, sentence)
    t.equal(new Set(silentListeners(one)).size, silentListeners(one).length, 'each is told once')
  },
)
