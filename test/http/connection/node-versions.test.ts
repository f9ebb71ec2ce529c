import { readdirSync } from 'node:fs'
import { createConnection } from 'node:net'
import t from 'tap'
import { HubProcess } from '../../fixtures/hub-process.ts'
import { nodeBinary, nodeVersions } from '../../fixtures/node-binary.ts'
import { followers, silent } from '../../fixtures/silence.ts'
import { SseClient } from '../../fixtures/sse-client.ts'
import { turns, until } from '../../fixtures/until.ts'

// The hub lets go of Node's HTTP parser once a stream has started (src/http/connection/detach-parser.ts). Which members
// that needs differs between releases, so every supported one is tried.

for (const version of nodeVersions)
  t.test(`a stream works, and leaves nothing behind, on Node ${version}`, async (t) => {
    const node = nodeBinary(version)
    if (node === undefined) {
      t.plan(0, `node@${version} cannot be had from the npm registry`)
      return
    }
    const hub = await HubProcess.start(t, { node, args: ['--playground'] })
    const port = Number(new URL(hub.origin).port)
    const token = await (await fetch(`${hub.url}/debug/playground-token`)).text()
    const openFiles = () => readdirSync(`/proc/${hub.pid}/fd`).length
    const metrics = async () => (await fetch(`${hub.adminUrl}/metrics`)).text()
    await metrics()
    const before = openFiles()

    const clients = Array.from({ length: 40 }, () => new SseClient(port))
    for (const client of clients)
      client.send('GET /.well-known/mercure?match=news HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
    for (const client of clients) await client.untilHead()
    const body = new URLSearchParams({ topic: 'news', data: 'hello' })
    const authorization = `Bearer ${token.trim()}`
    const answer = await fetch(hub.url, { method: 'POST', body, headers: { authorization } })
    for (const client of clients) await client.until(1)

    t.equal(answer.status, 200)
    t.ok(clients.every((client) => client.events[0]?.data === 'hello'))

    // a third resets, a third finishes politely, a third sends more than it should and goes
    for (const [i, client] of clients.entries()) {
      if (i % 3 === 0) client.reset()
      else if (i % 3 === 1) client.halfClose()
      else client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n').close()
    }
    await until(async () => /^mercure_subscribers_connected 0$/m.test(await metrics()))
    await until(() => openFiles() <= before + 4)
    t.match(await metrics(), /^mercure_subscribers_closed_total\{reason="peer"\} 40$/m)
  })

for (const version of nodeVersions)
  t.test(
    `what follows a stream in its packet is dropped, and mutes no listener, on Node ${version}`,
    async (t) => {
      const node = nodeBinary(version)
      if (node === undefined) {
        t.plan(0, `node@${version} cannot be had from the npm registry`)
        return
      }
      const hub = await HubProcess.start(t, { node, args: ['--playground'] })
      const [port, adminPort] = [hub.origin, hub.adminUrl].map((url) => Number(new URL(url).port))
      if (port === undefined || adminPort === undefined) throw new Error('no listener')
      const host = `127.0.0.1:${port}`
      const token = (await (await fetch(`${hub.url}/debug/playground-token`)).text()).trim()
      const request = (authorization = '') =>
        `GET /.well-known/mercure?match=news&cursor_lines=1 HTTP/1.1\r\nHost: ${host}\r\n${authorization}\r\n`
      const behind = Object.entries(followers(host))
      const starts = [request(), request(`Authorization: Bearer ${token}\r\n`)]

      const streams = behind.map(([name, bytes]) => {
        const client = new SseClient(port).send(request() + bytes)
        t.teardown(() => client.close())
        return { name, client }
      })
      for (const { client } of streams) await client.when(({ cursors }) => cursors.length > 0)
      const body = new URLSearchParams({ topic: 'news', data: 'hello' })
      await fetch(hub.url, { method: 'POST', body, headers: { authorization: `Bearer ${token}` } })
      for (const { name, client } of streams) {
        await client.until(1)
        t.notMatch(client.body, 'HTTP/1.1', name)
      }
      t.strictSame(await silent([port, adminPort]), [0, 0])

      // who leaves at any step: with the packet on its way, read, or answered
      for (const start of starts)
        for (const [, bytes] of behind)
          for (const step of [0, 1, 2]) {
            const client = new SseClient(port).send(start + bytes)
            if (step > 0) await new Promise((resolve) => client.socket.once('connect', resolve))
            if (step > 1) await turns(3)
            client.reset()
          }
      t.strictSame(await silent([port, adminPort]), [0, 0])
      for (const { client } of streams) client.reset()
      await until(async () =>
        /^mercure_subscribers_connected 0$/m.test(
          await (await fetch(`${hub.adminUrl}/metrics`)).text(),
        ),
      )
    },
  )

t.test('a connection that sends nothing is no stream', async (t) => {
  const hub = await HubProcess.start(t, { args: ['--playground'] })
  const socket = createConnection(Number(new URL(hub.origin).port), '127.0.0.1')
  socket.end()
  await new Promise((resolve) => socket.once('close', resolve))
  t.equal((await fetch(`${hub.origin}/health/ready`)).status, 200)
})
