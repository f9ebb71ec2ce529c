import t from 'tap'
import { startAdmin, startHub } from '../fixtures/hub.ts'
import { formOf, formType } from '../fixtures/http.ts'

const hubPath = '/.well-known/mercure'

interface Bad {
  readonly name: string
  readonly method: string
  readonly path?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string
  readonly status: number
  readonly error?: string
  readonly sentence: RegExp
}

t.test(
  'every malformed request gets its status, challenge and a sentence, and leaves no trace',
  async (t) => {
    const hub = await startHub(t, { max_request_body_size: '64KiB', heartbeat: '20ms' })
    const admin = await startAdmin(t, hub)
    const good = { authorization: `Bearer ${hub.token()}` }
    const form = { ...good, ...formType }
    const post = (name: string, body: string, status: number, sentence: RegExp): Bad => ({
      name,
      method: 'POST',
      headers: form,
      body,
      status,
      sentence,
    })
    const get = (name: string, query: string, status: number, sentence: RegExp): Bad => ({
      name,
      method: 'GET',
      path: `${hubPath}?${query}`,
      status,
      sentence,
    })
    const credentials = (
      name: string,
      authorization: string | readonly string[],
      status: number,
      error: string,
    ): Bad => ({
      name,
      method: 'GET',
      path: `${hubPath}?match=a`,
      headers: { authorization },
      status,
      error,
      sentence: /.{10}/,
    })
    const requests: Bad[] = [
      get('no matcher', '', 400, /at least one "match"/),
      get('topic', 'topic=a', 400, /protocol_version_compatibility/),
      get('a reserved name', 'match_x=a', 400, /reserved/),
      get('a pattern that is none', 'match_urlpattern={', 400, /pattern/i),
      get('a control character', 'match=%00', 400, /control or formatting/),
      get('bytes that are no UTF-8', 'match=%ff', 400, /UTF-8/),
      get('bytes that are no UTF-8, elsewhere', 'match=a&x=%ff', 400, /UTF-8/),
      get('a matcher too long', `match=${'x'.repeat(4097)}`, 400, /4096 bytes/),
      get('101 matchers', Array(101).fill('match=a').join('&'), 400, /100 matchers/),
      {
        name: 'a QUERY body with topic',
        method: 'QUERY',
        headers: formType,
        body: 'topic=a',
        status: 400,
        sentence: /compatibility/,
      },
      {
        name: 'a QUERY body of bad bytes',
        method: 'QUERY',
        headers: formType,
        body: 'match=%ff',
        status: 400,
        sentence: /UTF-8/,
      },
      {
        name: 'a QUERY body too large',
        method: 'QUERY',
        headers: formType,
        body: 'match=a&x='.padEnd(65_537, 'x'),
        status: 413,
        sentence: /max_request_body_size/,
      },
      credentials('two tokens', [good.authorization, good.authorization], 400, 'invalid_request'),
      credentials(
        'another scheme',
        'Basic dXNlcjpwYXNzd29yZHVzZXI6cGFzc3dvcmR1c2VyOnBhc3N3b3Jk',
        400,
        'invalid_request',
      ),
      credentials('too short a token', 'Bearer x', 400, 'invalid_request'),
      credentials('no JWT', `Bearer ${'x'.repeat(60)}`, 401, 'invalid_token'),
      credentials(
        'no JSON',
        `Bearer ${['a', 'b', 'c'].map((part) => part.repeat(20)).join('.')}`,
        401,
        'invalid_token',
      ),
      credentials('another key', `Bearer ${hub.token({ secret: 'x' })}`, 401, 'invalid_token'),
      credentials('expired', `Bearer ${hub.token({ claims: { exp: 1 } })}`, 401, 'invalid_token'),
      credentials(
        'another audience',
        `Bearer ${hub.token({ claims: { aud: 'x' } })}`,
        401,
        'invalid_token',
      ),
      credentials(
        'another issuer',
        `Bearer ${hub.token({ claims: { iss: 'x' } })}`,
        401,
        'invalid_token',
      ),
      credentials(
        'details of no shape',
        `Bearer ${hub.token({ claims: { authorization_details: 7 } })}`,
        401,
        'invalid_token',
      ),
      post('no topic', 'data=x', 400, /topic/),
      post('an empty topic', 'topic=', 400, /topic/),
      post('*', 'topic=*', 400, /"\*" is reserved/),
      post('a reserved topic', 'topic=mercure', 400, /reserved/),
      post('a topic with a line break', 'topic=a%0A', 400, /control/),
      post('bytes that are no UTF-8', 'topic=a&data=%ff', 400, /UTF-8/),
      post('a bad retry', 'topic=a&retry=x', 400, /retry/),
      post('a bad id', 'topic=a&id=%23', 400, /"#"/),
      post('a bad type', 'topic=a&type=mercure', 400, /"mercure" is reserved/),
      post('an id that begins with a space', 'topic=a&id=+x', 400, /white space/),
      post('an injected field', 'topic=a&id=x%0Adata:y', 400, /control/),
      post('1001 topics', Array(1001).fill('topic=a').join('&'), 413, /1000 topics/),
      post('a topic too long', `topic=${'x'.repeat(4097)}`, 413, /4096 bytes/),
      post('a body too large', 'topic=a&data='.padEnd(65_537, 'x'), 413, /max_request_body_size/),
      {
        name: 'JSON',
        method: 'POST',
        headers: { ...good, 'content-type': 'application/json' },
        body: '{}',
        status: 400,
        sentence: /x-www-form-urlencoded/,
      },
      {
        name: 'no token',
        method: 'POST',
        headers: formType,
        body: 'topic=a',
        status: 401,
        error: '',
        sentence: /needs a token/,
      },
      {
        name: 'no grant',
        method: 'POST',
        headers: { ...formType, authorization: `Bearer ${hub.token({})}` },
        body: 'topic=a',
        status: 403,
        error: 'insufficient_scope',
        sentence: /grant/,
      },
      {
        name: 'a cookie from nowhere',
        method: 'POST',
        headers: { ...formType, cookie: `__Secure-mercure_access_token=${hub.token()}` },
        body: 'topic=a',
        status: 400,
        error: 'invalid_request',
        sentence: /Origin/,
      },
      {
        name: 'another method',
        method: 'DELETE',
        status: 405,
        sentence: /answers GET, HEAD, QUERY, POST/,
      },
      {
        name: 'another path',
        method: 'GET',
        path: '/nowhere',
        status: 404,
        sentence: /nothing at this path/,
      },
    ]
    const before = hub.hub.stats()

    for (const { name, method, path, headers, body, status, error, sentence } of requests) {
      const answer = await hub.ask(method, {
        path: path ?? hubPath,
        ...(headers === undefined ? {} : { headers }),
        ...(body === undefined ? {} : { body }),
      })
      t.equal(answer.status, status, `${name}: ${answer.text}`)
      const challenge = answer.headers['www-authenticate']
      if (error === undefined) t.equal(challenge, undefined, name)
      else t.equal(/error="(\w+)"/.exec(challenge ?? 'none')?.[1] ?? '', error, name)
      if (error !== undefined) t.match(challenge, /^Bearer .*resource_metadata="http/, name)
      t.match(answer.text, /^[A-Z][\w ]+: .+\n$/, name)
      t.match(answer.text, sentence, name)
      t.equal(answer.headers['content-type'], 'text/plain; charset=utf-8', name)
      t.equal(answer.headers['cache-control'], 'no-store', name)
      t.equal(answer.headers['x-content-type-options'], 'nosniff', name)
    }

    t.equal(hub.assembly.log.head, 0, 'no log entry')
    t.equal(hub.hub.subscriberCount, 0, 'no subscriber')
    t.strictSame(hub.hub.stats(), before)
    t.match(await (await fetch(`${admin}/metrics`)).text(), /^mercure_subscribers_total 0$/m)
    t.equal((await hub.publish(formOf({ topic: 'a' }))).status, 200, 'and the hub lives on')
  },
)
