import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { HubProcess } from '../../fixtures/hub-process.ts'
import { issuer, secret } from '../../fixtures/tokens.ts'

/** Two machines of the test's own, with a cable between them that can be pulled. */
const [here, there] = ['hub', 'client'].map((name) => `cinnabar-${name}-${process.pid}`) as [
  string,
  string,
]
const [hubAddress, clientAddress] = ['10.213.7.1', '10.213.7.2']
const ip = (...args: string[]) => execFileSync('ip', args, { stdio: 'pipe' })

/** Why it is skipped: network namespaces are root's, and not every container has them. */
function problem(): string | false {
  if (process.getuid?.() !== 0) return 'only root makes network namespaces'
  const made = spawnSync('ip', ['netns', 'add', here], { stdio: 'ignore' }).status === 0
  return made ? false : 'network namespaces cannot be made here'
}

t.test(
  'a peer that vanishes without a word is closed as stalled',
  { skip: problem() },
  async (t) => {
    t.teardown(() => [here, there].forEach((name) => spawnSync('ip', ['netns', 'del', name])))
    ip('netns', 'add', there)
    ip('link', 'add', 'v0', 'netns', here, 'type', 'veth', 'peer', 'name', 'v0', 'netns', there)
    for (const [name, address] of [
      [here, hubAddress],
      [there, clientAddress],
    ] as const) {
      ip('-n', name, 'addr', 'add', `${address}/30`, 'dev', 'v0')
      for (const device of ['v0', 'lo']) ip('-n', name, 'link', 'set', device, 'up')
    }
    const hub = await HubProcess.start(t, {
      prefix: ['ip', 'netns', 'exec', here],
      env: {
        MERCURE_HOST: hubAddress,
        MERCURE_PORT: '8080',
        MERCURE_PUBLIC_URLS: `http://${hubAddress}:8080`,
        MERCURE_HEARTBEAT: '1s',
        MERCURE_ANONYMOUS: '1',
        MERCURE_TRUSTED_ISSUERS: issuer,
        MERCURE_PUBLISHER_JWT_KEY: secret,
      },
    })
    const program = `require('node:http').get('${hub.url}?match=a', (answer) => answer.resume().once('data', () => console.log('open')))`
    const client = spawn('ip', ['netns', 'exec', there, process.execPath, '--eval', program])
    t.teardown(() => client.kill('SIGKILL'))
    await once(client.stdout, 'data')
    const metric = (name: string) => {
      const args = [
        'netns',
        'exec',
        here,
        process.execPath,
        '--eval',
        `fetch('${hub.adminUrl}/metrics').then(async (answer) => console.log(await answer.text()))`,
      ]
      const text = execFileSync('ip', args, { encoding: 'utf8' })
      return text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')[1]
    }
    t.equal(metric('mercure_subscribers_connected'), '1')

    ip('-n', there, 'link', 'set', 'v0', 'down')
    while (metric('mercure_subscribers_connected') !== '0')
      await new Promise((resolve) => setTimeout(resolve, 500))

    t.equal(metric('mercure_subscribers_closed_total{reason="stalled"}'), '1')
  },
)
