import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'
import t from 'tap'
import { startHub } from '../../fixtures/hub.ts'
import { signLegacyToken } from '../../fixtures/tokens.ts'
import { until } from '../../fixtures/until.ts'

/** Reads a stream with httpx-sse as its documentation shows, and comes back with the last id. */
const program = `
import json, sys, time
import httpx
from httpx_sse import connect_sse

url, token = sys.argv[1:]
last_event_id = ""
with httpx.Client(timeout=httpx.Timeout(5, read=None), trust_env=False) as client:
    for attempt in range(2):
        headers = {"Authorization": f"Bearer {token}"}
        if last_event_id:
            headers["Last-Event-ID"] = last_event_id
        params = {"topic": "https://example.com/books/{id}"}
        try:
            with connect_sse(client, "GET", url, params=params, headers=headers) as source:
                source.response.raise_for_status()
                for sse in source.iter_sse():
                    last_event_id = sse.id
                    print(json.dumps([sse.event, sse.id, sse.data]), flush=True)
        except httpx.RemoteProtocolError:
            pass
`
const book = 'https://example.com/books/1'
const subscriber = signLegacyToken({ subscribe: ['https://example.com/books/{id}'] })
const publisher = signLegacyToken({ publish: ['*'] })
const isThere = spawnSync('python3', ['-c', 'import httpx, httpx_sse']).status === 0

if (isThere)
  t.test('httpx-sse of Python: events, and what was missed meanwhile', async (t) => {
    const hub = await startHub(t, { protocol_version_compatibility: 8, anonymous: false })
    const child = spawn('python3', ['-c', program, hub.url, subscriber], { env: pathOnly() })
    t.teardown(() => child.kill())
    const said: string[] = []
    createInterface({ input: child.stdout }).on('line', (line) => said.push(line))
    child.stderr.on('data', (bytes: Buffer) => t.comment(bytes.toString()))
    const events = () => said.map((line) => JSON.parse(line) as unknown)
    const publish = (fields: Record<string, string>) =>
      hub.publish({ topic: book, ...fields }, { token: publisher })
    await hub.untilSubscribers(1)

    await publish({ data: 'public', id: '1' })
    await publish({ data: 'private', id: '2', private: 'on' })
    await publish({ data: 'one\ntwo', id: '4', type: 'greeting' })
    await until(() => said.length === 3)
    hub.app.server.closeAllConnections()
    await publish({ data: 'meanwhile', id: '5' })
    await until(() => said.length === 4)

    t.strictSame(events(), [
      ['message', '1', 'public'],
      ['message', '2', 'private'],
      ['greeting', '4', 'one\ntwo'],
      ['message', '5', 'meanwhile'],
    ])
  })
else
  t.test('httpx-sse of Python', async (t) =>
    t.comment('not run: python3 with httpx and httpx_sse is not here'),
  )

/** Nothing of a machine's proxies; where programs are. */
function pathOnly(): NodeJS.ProcessEnv {
  const { PATH, HOME, PYENV_ROOT } = process.env
  return Object.fromEntries(
    Object.entries({ PATH, HOME, PYENV_ROOT }).filter(([, value]) => value !== undefined),
  )
}
