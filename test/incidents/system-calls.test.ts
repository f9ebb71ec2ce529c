import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import { ask, formOf, formType } from '../fixtures/http.ts'
import { HubProcess, temporaryFolder } from '../fixtures/hub-process.ts'
import { SseClient } from '../fixtures/sse-client.ts'
import { issuer, secret, signToken } from '../fixtures/tokens.ts'

const publishes = Number(process.env['PUBLISHES'] ?? 5_000)
const publishers = 16

/** What looks at the machine, opens something or starts something. */
const lookups = [
  ...[
    'socket',
    'connect',
    'bind',
    'open',
    'openat',
    'openat2',
    'creat',
    'stat',
    'lstat',
    'newfstatat',
  ],
  ...[
    'statx',
    'access',
    'faccessat',
    'faccessat2',
    'readlink',
    'readlinkat',
    'getdents64',
    'ioctl',
  ],
  ...[
    'uname',
    'sysinfo',
    'getcwd',
    'clone',
    'clone3',
    'fork',
    'vfork',
    'execve',
    'mkdir',
    'unlink',
  ],
]

/** Why it is skipped; on a build machine it is not. */
const isMissing = spawnSync('strace', ['-V'], { stdio: 'ignore' }).status !== 0
const skip = isMissing && process.env['CI'] === undefined ? 'strace is not installed' : false

for (const transport of ['memory', 'lmdb'])
  t.test(
    `${publishes} publishes open nothing and look nothing up, with ${transport}`,
    { skip },
    async (t) => {
      const folder = temporaryFolder(t)
      const hub = await HubProcess.start(t, {
        env: {
          MERCURE_TRANSPORT_URL:
            transport === 'lmdb' ? `lmdb:${join(folder, 'history')}` : 'memory:',
          MERCURE_ANONYMOUS: '1',
          MERCURE_TRUSTED_ISSUERS: issuer,
          MERCURE_PUBLISHER_JWT_KEY: secret,
        },
      })
      const client = new SseClient(Number(new URL(hub.origin).port))
      t.teardown(() => client.close())
      client.send('GET /.well-known/mercure?match=news HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
      await client.untilHead()
      const agent = new Agent({ keepAlive: true, maxSockets: publishers })
      t.teardown(() => agent.destroy())
      const publish = (count: number) => publishAll(hub.url, agent, count)
      await publish(500)
      const trace = join(folder, 'trace')
      const calls = `trace=accept,accept4,${lookups.map((name) => `?${name}`).join()}`
      const args = ['-f', '-qq', '-e', calls, '-o', trace, '-p', String(hub.pid)]
      const strace = spawn('strace', args, { stdio: 'ignore' })
      t.teardown(() => strace.kill())
      await attached(hub.pid)

      await publish(publishes)
      await ask(`${hub.origin}/health/live`) // one that is seen, if any is
      strace.kill('SIGINT')
      await once(strace, 'close')

      const lines = readFileSync(trace, 'utf8').split('\n')
      const made = lines.filter((line) => new RegExp(`^\\d+ +(${lookups.join('|')})\\(`).test(line))
      t.ok(made.length < publishes / 100, `${made.length} of them: ${made.slice(0, 10).join('; ')}`)
      const accepts = lines.filter((line) => / accept4?\(.*= \d+/.test(line)).length
      t.ok(accepts >= 1 && accepts <= publishers, `${accepts} connections were accepted`)
      t.equal((await client.until(500 + publishes)).length, 500 + publishes)
    },
  )

async function publishAll(url: string, agent: Agent, count: number): Promise<void> {
  const authorization = `Bearer ${signToken(url, { publish: ['news'] })}`
  const headers = { ...formType, authorization }
  let left = count
  const one = async () => {
    while (left-- > 0) {
      const asked = request(url, { method: 'POST', agent, headers })
      asked.end(formOf({ topic: 'news', data: 'x' }))
      const [answer] = (await once(asked, 'response')) as [import('node:http').IncomingMessage]
      answer.resume()
      await once(answer, 'end')
      if (answer.statusCode !== 200) throw new Error(`answered ${answer.statusCode}`)
    }
  }
  await Promise.all(Array.from({ length: publishers }, one))
}

/** Resolves once somebody traces the process. */
async function attached(pid: number | undefined): Promise<void> {
  while (/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')))
    await new Promise((resolve) => setTimeout(resolve, 20))
}
