// The application around the examples: it serves pages, gives out tokens, and publishes to the hub.
import { createHmac } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { answer } from './answer/model.mjs'
import { feed } from './dashboard/back-end.mjs'
import { work } from './progress/job.mjs'

const examples = fileURLToPath(new URL('.', import.meta.url))
const client = fileURLToPath(new URL('../dist/src/client/', import.meta.url))
const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript' }

/** Serves the examples; resolves with the server once it listens. */
export async function serve({ hub, key, issuer, port = 8080 }) {
  const token = (grants) => sign({ iss: issuer, aud: hub, ...grants }, key, 'at+jwt')
  const publisher = { hub, token: () => token({ authorization_details: [grant('publish', '*')] }) }
  const actions = {
    '/chat/token': ({ name }) => token(chatGrants(name)),
    '/progress/start': () => work(publisher),
    '/answer/ask': ({ question }) => answer(publisher, question),
    '/dashboard/feed': () => feed(hub, sign({ mercure: { publish: ['*'] } }, key, 'JWT')),
    '/hub': () => hub,
  }
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://example')
    const action = actions[pathname]
    try {
      if (action !== undefined) return response.end(await action(Object.fromEntries(searchParams)))
      const file = fileOf(pathname)
      response.setHeader('content-type', types[extname(file)] ?? 'text/plain')
      response.end(await readFile(file))
    } catch (error) {
      response.writeHead(action === undefined ? 404 : 502).end(String(error))
    }
  })
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve))
  return server
}

/** The built client, or a page of ours. */
function fileOf(pathname) {
  const path = normalize(pathname)
  if (path.startsWith('/client/')) return join(client, path.slice('/client/'.length))
  return join(examples, path.endsWith('/') ? `${path}index.html` : path)
}

/** Who chats may read and write the room, and see who is there: under a name that the payload tells. */
function chatGrants(name = 'somebody') {
  const room = [{ match: 'https://chat.example/room' }]
  const presence = [{ match: '/.well-known/mercure/subscriptions/*', match_type: 'urlpattern' }]
  const type = 'https://mercure.rocks/authorization-detail'
  return {
    sub: name,
    authorization_details: [
      { type, actions: ['publish', 'subscribe'], topics: room, payload: { name } },
      { type, actions: ['subscribe'], topics: presence },
    ],
  }
}

function grant(action, match) {
  return {
    type: 'https://mercure.rocks/authorization-detail',
    actions: [action],
    topics: [{ match }],
  }
}

/** Use a library for this in earnest. */
function sign(claims, key, typ) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const exp = Math.floor(Date.now() / 1000) + 600
  const signed = `${encode({ alg: 'HS256', typ })}.${encode({ exp, ...claims })}`
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { HUB = 'http://127.0.0.1:3000/.well-known/mercure', KEY, ISSUER } = process.env
  await serve({ hub: HUB, key: KEY, issuer: ISSUER ?? 'https://app.example' })
  process.stdout.write('http://127.0.0.1:8080/\n')
}
