import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { type JwksEvent, type JwksOptions, JwksSource } from '../../../src/auth/keys/jwks-source.ts'
import { maxSetBytes } from '../../../src/auth/keys/jwks-fetch.ts'
import { answering, ec, Events, jwk, otherEc, setOf, startIssuer } from '../issuer-server.ts'

const set = setOf(jwk(ec.publicKey, { kid: 'a' }))
const otherSet = setOf(jwk(otherEc.publicKey, { kid: 'b' }))
const hint = (keyId: string) => ({ algorithm: 'ES256', keyId })

/** A source that is closed with the test, and what it tells. */
async function open(
  t: Test,
  uri: string,
  options: JwksOptions = {},
): Promise<{ source: JwksSource; events: Events<JwksEvent> }> {
  const events = new Events<JwksEvent>()
  const source = await JwksSource.open(uri, { ...options, onEvent: events.push })
  t.teardown(() => source.close())
  return { source, events }
}

async function temporaryFile(t: Test, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cinnabar-jwks-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'jwks with space.json')
  await writeFile(path, text)
  return path
}

t.test('a set is fetched again when its time has come', async (t) => {
  const server = await startIssuer(t, set)
  const { source, events } = await open(t, server.uri, { refreshMs: 20 })
  await events.atLeast(1)

  server.answer = answering(otherSet)
  while (events.all.filter((event) => event.type === 'refreshed' && event.changed).length < 2)
    await events.atLeast(events.all.length + 1)

  t.equal(source.generation, 2)
  t.equal(source.find(hint('a')).length, 0)
  t.equal(source.find(hint('b')).length, 1)
})

t.test('a source that fails is asked again by itself, less and less often', async (t) => {
  const server = await startIssuer(t, set)
  server.answer = answering('', 503)
  const { source, events } = await open(t, server.uri, { retryMs: 5, cooldownMs: 20 })
  await events.atLeast(4)

  server.answer = answering(set)
  while (events.all.at(-1)?.type === 'failed') await events.atLeast(events.all.length + 1)

  t.match(events.all.slice(0, 4), [
    { retryMs: 5 },
    { retryMs: 10 },
    { retryMs: 20 },
    { retryMs: 20 },
  ])
  t.match(events.all[0], { error: { message: 'expected the status 200, got 503' } })
  t.equal(source.find(hint('a')).length, 1)
})

t.test(
  'whoever waits for a server that does not answer waits no longer than the limit',
  async (t) => {
    const server = await startIssuer(t, set)
    server.answer = () => {}
    const { source, events } = await open(t, server.uri, { timeoutMs: 50, retryMs: 60_000 })

    t.equal(await source.refresh(), true)

    t.match(events.all, [{ type: 'failed', error: { message: 'no answer within 50 ms' } }])
  },
)

t.test('the limit covers a body that never ends', async (t) => {
  const server = await startIssuer(t, set)
  server.answer = (_request, response) => void response.writeHead(200).write('{')
  const { source, events } = await open(t, server.uri, { timeoutMs: 50, retryMs: 60_000 })

  await source.refresh()

  t.match(events.all, [{ type: 'failed', error: { message: 'no answer within 50 ms' } }])
})

t.test('a set of 1 MiB is read, one byte more is refused', async (t) => {
  const server = await startIssuer(t, set.padEnd(maxSetBytes))
  const { source, events } = await open(t, server.uri)
  await source.refresh() // the first fetch
  t.equal(source.find(hint('a')).length, 1)

  server.answer = answering(otherSet.padEnd(maxSetBytes + 1))
  await source.refresh()

  t.match(events.all[1], {
    type: 'failed',
    error: { message: 'the JWK Set is larger than 1048576 bytes' },
  })
  t.equal(source.find(hint('a')).length, 1)
})

t.test('redirects are followed within the protocol', async (t) => {
  const server = await startIssuer(t, set)
  server.answer = (request, response) =>
    request.url === '/real'
      ? response.end(set)
      : response.writeHead(302, { location: '/real' }).end()
  const { source, events } = await open(t, server.uri)
  await events.atLeast(1)

  t.match(events.all, [{ type: 'refreshed', keys: 1 }])
  t.equal(source.find(hint('a')).length, 1)
})

t.test('redirects to another protocol are not followed', async (t) => {
  const path = await temporaryFile(t, set)
  for (const location of [
    'https://127.0.0.1:1/jwks',
    pathToFileURL(path).href,
    'data:application/json,{"keys":[]}',
  ]) {
    const server = await startIssuer(t, set)
    server.answer = answering('', 301, { location })
    const { source, events } = await open(t, server.uri)
    await events.atLeast(1)

    t.match(events.all, [
      { type: 'failed', error: { message: /^the answer redirects to another protocol, / } },
    ])
    t.equal(source.find(hint('a')).length, 0)
  }
})

t.test('redirects in a circle end', async (t) => {
  const server = await startIssuer(t, set)
  server.answer = answering('', 307, { location: '/jwks' })
  const { events } = await open(t, server.uri)
  await events.atLeast(1)

  t.match(events.all, [{ type: 'failed', error: { message: 'more than 5 redirects' } }])
  t.equal(server.fetches(), 6)
})

t.test('a redirect that leads nowhere is a failure like any other', async (t) => {
  const server = await startIssuer(t, set)
  for (const headers of [{ location: 'http://[' }, { 'x-nothing': '' }]) {
    server.answer = answering('', 302, headers)
    const { events } = await open(t, server.uri)
    await events.atLeast(1)
    t.match(events.all, [{ type: 'failed' }])
  }
})

t.test('a listener that throws does not keep the keys away', async (t) => {
  const server = await startIssuer(t, set)
  const source = await JwksSource.open(server.uri, {
    onEvent: () => {
      throw new Error('the log is full')
    },
  })
  t.teardown(() => source.close())

  await source.refresh()

  t.equal(source.find(hint('a')).length, 1)
})

t.test(
  'behaviour 138: a file is read at the start, with or without localhost as host',
  async (t) => {
    const { href } = pathToFileURL(await temporaryFile(t, set))

    for (const uri of [href, href.replace('file:///', 'file://localhost/')]) {
      const { source, events } = await open(t, uri)
      t.match(events.all, [{ type: 'refreshed', keys: 1, changed: true }])
      t.equal(source.find(hint('a')).length, 1)
    }
    await t.rejects(open(t, href.replace('file:///', 'file://elsewhere/')), {
      message: /^a file: URL must have no host, or localhost, got "file:\/\/elsewhere\//,
    })
  },
)

t.test(
  'behaviour 138: a file that is missing, no file or no set keeps the hub from starting',
  async (t) => {
    const path = await temporaryFile(t, '{"keys":1}')
    const missing = `${path}.missing`
    const refusal = async (file: string) =>
      open(t, pathToFileURL(file).href).then(
        () => '',
        (error: Error) => error.message,
      )

    t.match(await refusal(missing), `cannot read ${missing}: ENOENT`)
    t.equal(await refusal(tmpdir()), `cannot read ${tmpdir()}: this is not a regular file`)
    t.equal(await refusal(path), `cannot read ${path}: a JWK Set is an object with an array "keys"`)
    await writeFile(path, '')
    t.match(await refusal(path), new RegExp(`^cannot read ${path}: `))
    await writeFile(path, set.padEnd(maxSetBytes + 1))
    t.equal(await refusal(path), `cannot read ${path}: the JWK Set is larger than 1048576 bytes`)
  },
)

t.test('a file that changed is read again for an unknown key', async (t) => {
  const path = await temporaryFile(t, set)
  const { source } = await open(t, pathToFileURL(path).href)

  await writeFile(path, otherSet)

  t.equal(await source.refresh(), true)
  t.equal(source.find(hint('b')).length, 1)
  t.equal(await source.refresh(), false, 'not twice within the pause')
})

t.test('a file that breaks leaves the last keys in use', async (t) => {
  const path = await temporaryFile(t, set)
  const { source, events } = await open(t, pathToFileURL(path).href)

  await rm(path)
  await source.refresh()

  t.match(events.all[1], { type: 'failed', keys: 1, uri: path, error: { code: 'ENOENT' } })
  t.equal(source.find(hint('a')).length, 1)
})

t.test('a closed source fetches no more', async (t) => {
  const server = await startIssuer(t, set)
  const { source, events } = await open(t, server.uri, { refreshMs: 10, cooldownMs: 0 })
  await events.atLeast(1)

  source.close()
  const fetches = server.fetches()

  t.equal(await source.refresh(), false)
  await new Promise((resolve) => setTimeout(resolve, 50)) // nothing to wait for: it shall not happen
  t.equal(server.fetches(), fetches)
})
