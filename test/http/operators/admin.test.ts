import { networkInterfaces } from 'node:os'
import t from 'tap'
import { adminServer } from '../../../src/http/operators/admin.ts'
import { listen } from '../../../src/http/server.ts'
import { type Answer, ask } from '../../fixtures/http.ts'
import { type Closing, startAdmin, startHub } from '../../fixtures/hub.ts'

const json = { 'content-type': 'application/json' }
const two = { 'content-length': '2' }

t.test('only who meant the admin listener reads metrics; health is for everybody', async (t) => {
  const hub = await startHub(t, { admin_names: 'hub.internal' })
  const admin = await startAdmin(t, hub)
  const port = new URL(admin).port
  const asked = (path: string, host: string) => ask(admin + path, { headers: { host } })

  for (const host of ['evil.example', `evil.example:${port}`, '203.0.113.7', 'hub', 'a@localhost'])
    t.match(await asked('/metrics', host), { status: 421, text: /admin_names/ }, `Host: ${host}`)
  for (const host of ['localhost', `127.0.0.1:${port}`, '[::1]', 'a.localhost', 'hub.internal:1'])
    t.equal((await asked('/metrics', host)).status, 200, `Host: ${host}`)
  for (const path of ['/health/live', '/health/ready', '/healthz'])
    t.equal((await asked(path, 'evil.example')).status, 200, path)
})

t.test('pages and forms are refused on every guarded path', async (t) => {
  const admin = await startAdmin(t, await startHub(t))

  for (const path of ['/metrics', '/debug/registry', '/debug/heap']) {
    for (const origin of ['https://evil.example', 'null', admin])
      t.match(await ask(admin + path, { headers: { origin } }), { status: 403 }, origin)
    const site = { 'sec-fetch-site': 'cross-site' }
    t.equal((await ask(admin + path, { headers: site })).status, 403)
    t.equal((await ask(admin + path, { headers: { 'sec-fetch-site': 'none' } })).status, 200)
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx'])
      t.match(
        await ask(admin + path, { headers: { ...two, 'content-type': type }, body: '{}' }),
        { status: 415, text: /application\/json/ },
        type,
      )
    t.equal((await ask(admin + path, { headers: { ...two, ...json }, body: '{}' })).status, 200)
  }
})

t.test('from this machine operators need no token, but a wrong one is refused', async (t) => {
  const hub = await startHub(t, { admin_token: 'the-right-token' })
  const admin = await startAdmin(t, hub)
  const asked = (headers: Record<string, string>) => ask(`${admin}/debug/heap`, { headers })

  t.equal((await asked({})).status, 200)
  t.equal((await asked({ authorization: 'Bearer the-right-token' })).status, 200)
  for (const token of ['the-right-toke', 'the-right-token2', 'THE-RIGHT-TOKEN'])
    t.match(await asked({ authorization: `Bearer ${token}` }), {
      status: 401,
      headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
    })
  for (const field of ['x-forwarded-for', 'forwarded', 'via']) {
    t.match(await asked({ [field]: '203.0.113.7' }), { status: 401, text: /admin_token/ }, field)
    const answer = await asked({ [field]: '1', authorization: 'Bearer the-right-token' })
    t.equal(answer.status, 200)
  }
  const metrics = await ask(`${admin}/metrics`, { headers: { via: '1' } })
  t.equal(metrics.status, 200, 'metrics need none')
})

t.test(
  'from another machine operators need the token, and scrapers an address or a name without a dot',
  async (t) => {
    const address = Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.family === 'IPv4' && !one.internal)?.address
    if (address === undefined) return void t.pass('there is no other address than loopback here')
    const hub = await startHub(t, { admin_token: 'the-right-token' })
    const admin = await startAdminAt(t, hub, address)
    const asked = (path: string, headers: Record<string, string>): Promise<Answer> =>
      ask(admin + path, { headers })

    t.match(await asked('/debug/heap', {}), {
      status: 401,
      headers: { 'www-authenticate': 'Bearer' },
    })
    t.equal((await asked('/debug/heap', { authorization: 'Bearer the-right-token' })).status, 200)
    for (const host of [address, 'cinnabar:3019', 'localhost'])
      t.equal((await asked('/metrics', { host })).status, 200, host)
    t.equal((await asked('/metrics', { host: 'evil.example' })).status, 421)
  },
)

t.test('debug shows streams, the registry and V8 without token or payload', async (t) => {
  const hub = await startHub(t)
  const admin = await startAdmin(t, hub)
  const token = hub.token()
  await hub.subscribe('match=a&match_urlpattern=/b/*', { token })
  await hub.subscribe('match=a')
  const read = async (path: string) => {
    const { status, text } = await ask(admin + path)
    t.notOk(text.includes(token))
    return { status, body: JSON.parse(text) as Record<string, unknown> }
  }

  t.match(await read('/debug/registry'), {
    status: 200,
    body: { members: 2, cohorts: 2, topics: 1, patterns: 1, replaying: 0, faults: [] },
  })
  const { body } = await read('/debug/subscribers?limit=1')
  t.match(body, [{ state: 'live', position: 0, pendingBytes: 0 }])
  t.match((await read('/debug/heap')).body, { spaces: [], memory: {} })
  t.match((await read('/debug/cpu-profile?seconds=1')).body, { nodes: [{}], samples: [] })
  for (const limit of ['0', 'x', '-1', '1e3'])
    t.match(await ask(`${admin}/debug/subscribers?limit=${limit}`), { status: 400, text: /limit/ })
})

/** The admin listener on an address of this machine that is not loopback. */
async function startAdminAt(
  t: Closing,
  hub: Awaited<ReturnType<typeof startHub>>,
  address: string,
): Promise<string> {
  const app = adminServer(hub.assembly.admin)
  t.teardown(() => app.close())
  return listen(app, address, 0)
}
