import { build } from 'esbuild'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import t from 'tap'
import { startChromium, withoutChromium } from '../fixtures/chromium.ts'
import { startSite } from '../fixtures/client-page.ts'
import { startHub, type TestHub } from '../fixtures/hub.ts'
import { until } from '../fixtures/until.ts'

const skip = withoutChromium()
const resolveDir = fileURLToPath(new URL('../../examples/bindings', import.meta.url))

/** A program and all that it imports, as one script. */
async function bundle(contents: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir, loader: 'js' },
    bundle: true,
    write: false,
    format: 'esm',
    define: {
      'process.env.NODE_ENV': '"development"',
      __VUE_OPTIONS_API__: 'true',
      __VUE_PROD_DEVTOOLS__: 'false',
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
    },
  })
  return outputFiles[0]?.text ?? ''
}

const programs = {
  react: `
    import { createElement as h, StrictMode, useState } from 'react'
    import { createRoot } from 'react-dom/client'
    import { useMercure } from './use-mercure.react.js'
    window.all = []
    function App() {
      const [match, setMatch] = useState('a')
      const { update, state } = useMercure({ hub, match, onEvent: ({ data }) => all.push(data) })
      window.setMatch = setMatch
      return h('p', null, state.name + ' ' + (update?.data ?? ''))
    }
    const root = createRoot(document.body)
    root.render(h(StrictMode, null, h(App)))
    window.unmount = () => root.unmount()`,
  vue: `
    import { createApp, h, ref } from 'vue'
    import { useMercure } from './use-mercure.vue.js'
    window.all = []
    const match = ref('a')
    window.setMatch = (value) => (match.value = value)
    const app = createApp({
      setup() {
        const { update, state } = useMercure(() => ({
          hub, match: match.value, onEvent: ({ data }) => all.push(data),
        }))
        return () => h('p', state.value.name + ' ' + (update.value?.data ?? ''))
      },
    })
    app.mount(document.body)
    window.unmount = () => app.unmount()`,
}

t.test('bindings in their frameworks', { skip }, async (t) => {
  const browser = await startChromium(t)
  const api = { link: '' }
  const site = await startSite(t, (request, response) => {
    if (request.url !== '/books/1') return false
    response.setHeader('link', api.link)
    response.end('{"title":"A book"}')
    return true
  })
  const hub = await startHub(t, { cors_origins: site.origin })
  const open = async (program: string): Promise<Page> => {
    const page = await browser.newPage()
    await page.goto(site.origin)
    await page.evaluate(`window.hub = ${JSON.stringify(hub.url)}`)
    await page.addScriptTag({ type: 'module', content: await bundle(program) })
    return page
  }
  const shows = (page: Page, text: string) =>
    until(async () => (await page.locator('body').innerText()).trim() === text)

  for (const [name, program] of Object.entries(programs))
    t.test(
      `${name}: renders updates, follows other topics, and leaves with the component`,
      async (t) => {
        const page = await open(program)
        await shows(page, 'live')
        await publish(hub, 'a', 'one')
        await shows(page, 'live one')

        const before = await opened(hub)
        await page.evaluate('setMatch("b")')
        await until(async () => (await opened(hub)) > before)
        await hub.untilSubscribers(1)
        await publish(hub, 'a', 'not any more')
        await publish(hub, 'b', 'two')
        await shows(page, 'live two')

        t.strictSame(await page.evaluate('all'), ['one', 'two'])
        await page.evaluate('unmount()')
        await hub.untilSubscribers(0)
        await page.close()
      },
    )

  t.test('turbo: a stream source changes the page', async () => {
    const page = await open(`import './turbo-stream-source.js'
      document.body.innerHTML = '<ul id="list"></ul><mercure-stream-source match="a"></mercure-stream-source>'
      document.querySelector('mercure-stream-source').remove()
      const source = document.createElement('mercure-stream-source')
      source.setAttribute('hub', hub)
      source.setAttribute('match', 'a')
      document.body.append(source)`)
    await hub.untilSubscribers(1)

    await publish(
      hub,
      'a',
      '<turbo-stream action="append" target="list"><template><li>new</li></template></turbo-stream>',
    )
    await shows(page, 'new')

    await page.evaluate('document.querySelector("mercure-stream-source").remove()')
    await hub.untilSubscribers(0)
    await page.close()
  })

  t.test('API Platform: the hub is found by the Link of a resource', async () => {
    api.link = `<${site.origin}/docs>; rel="http://www.w3.org/ns/hydra/core#apiDocumentation", <${hub.url}>; rel="mercure"`
    const page = await open(`import { follow } from './discover.js'
      const { resource, subscription } = await follow('/books/1', { onEvent: show })
      function show({ data }) { document.body.textContent = JSON.parse(data).title }
      document.body.textContent = resource.title
      window.subscription = subscription`)
    await shows(page, 'A book')
    await hub.untilSubscribers(1)

    await publish(hub, `${site.origin}/books/1`, '{"title":"Another title"}')
    await shows(page, 'Another title')
    await page.close()
  })
})

async function publish(hub: TestHub, topic: string, data: string): Promise<void> {
  await hub.publish({ topic, data })
}

/** Streams that were opened so far. */
async function opened(hub: TestHub): Promise<number> {
  const text = await hub.assembly.metrics.text()
  return Number(/^mercure_subscribers_total (\d+)$/m.exec(text)?.[1] ?? 0)
}
