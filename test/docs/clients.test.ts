import { EventSource } from 'eventsource'
import { readFileSync } from 'node:fs'
import { compileFunction } from 'node:vm'
import t from 'tap'
import { startHub } from '../fixtures/hub.ts'
import { until } from '../fixtures/until.ts'

type WhoListens = (
  hub: string,
  active: Map<string, string>,
  changed: () => void,
) => Promise<EventSource>

/** The function as the page shows it, with a client that has a token where a browser has a cookie. */
function exampleOf(page: string, name: string, token: string): WhoListens {
  const code = [...page.matchAll(/```js\n(.*?)```/gs)].find(([, text]) =>
    text?.startsWith(`async function ${name}(`),
  )?.[1]
  const withToken: typeof fetch = (url, init) =>
    fetch(url, { ...init, headers: { ...init?.headers, authorization: `Bearer ${token}` } })
  class Client extends EventSource {
    constructor(url: URL) {
      super(url, { fetch: withToken as never })
    }
  }
  const make = compileFunction(`${code}; return ${name}`, ['fetch', 'EventSource'])
  return make(withToken, Client) as WhoListens
}

t.test('the example of who is listening does what the page says', async (t) => {
  const hub = await startHub(t, { subscriptions: true })
  const page = readFileSync(new URL('../../docs/clients.md', import.meta.url), 'utf8')
  const whoListens = exampleOf(page, 'whoListens', hub.token())
  const first = await hub.subscribe('match=first')
  const active = new Map<string, string>()
  const seen = () =>
    [...active.values()]
      .filter((match) => !match.startsWith('/'))
      .toSorted()
      .join()

  const source = await whoListens(hub.url, active, () => {})
  t.teardown(() => source.close())
  t.equal(seen(), 'first')
  await hub.subscribe('match=second')
  await until(() => seen() === 'first,second')
  first.reset()
  await until(() => seen() === 'second')
  t.equal(active.size, 2, 'with its own')
})
