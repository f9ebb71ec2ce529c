import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { parse } from 'yaml'
import { options, variableOf } from '../../src/config/options/table.ts'
import { loadSettings } from '../../src/config/load.ts'
import { parseRedisUrl } from '../../src/net/redis-url.ts'
import { repositoryFile } from '../fixtures/proxy.ts'

interface Service {
  readonly build?: string
  readonly image?: string
  readonly environment?: Readonly<Record<string, string>>
  readonly command?: string
  readonly volumes?: readonly string[]
  readonly ports?: readonly string[]
  readonly depends_on?: readonly string[] | Readonly<Record<string, object>>
  readonly stop_grace_period?: string
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>
  readonly networks: {
    readonly default: { readonly ipam: { readonly config: [{ subnet: string }] } }
  }
  readonly volumes: Readonly<Record<string, null>>
}

const compose = parse(repositoryFile('compose.yaml'), { merge: true }) as Compose
const { services } = compose
const root = fileURLToPath(new URL('../..', import.meta.url))
const given = {
  SITE_ADDRESS: 'hub.example',
  MERCURE_TRUSTED_ISSUERS: 'https://app.example',
  MERCURE_PUBLISHER_JWT_KEY: 'a key of a publisher, 32 bytes or more',
  MERCURE_SUBSCRIBER_JWT_KEY: 'a key of a subscriber, 32 bytes or more',
}

t.test('compose.yaml: everything that a service names is there', async (t) => {
  t.strictSame(Object.keys(services), ['caddy', 'hub-a', 'hub-b', 'redis'])
  for (const [name, { volumes = [], depends_on = [], build }] of Object.entries(services)) {
    for (const volume of volumes) {
      const [source = ''] = volume.split(':')
      t.ok(source.startsWith('.') ? existsSync(root + source) : source in compose.volumes, source)
    }
    for (const other of Array.isArray(depends_on) ? depends_on : Object.keys(depends_on))
      t.ok(other in services, `${name} depends on ${other}`)
    if (build !== undefined) t.ok(existsSync(`${root}${build}/Dockerfile`))
  }
})

t.test('compose.yaml: both hubs start with what they are given, behind Caddy', async (t) => {
  const variables = new Set(Object.keys(options).map(variableOf))
  const [, portInImage = ''] = /^EXPOSE (\d+)$/m.exec(repositoryFile('Dockerfile')) ?? []

  for (const name of ['hub-a', 'hub-b']) {
    const environment = filledIn(services[name]?.environment ?? {})
    t.strictSame(
      Object.keys(environment).filter((variable) => !variables.has(variable)),
      [],
    )
    const { settings } = loadSettings({ argv: [], env: { ...imageEnvironment(), ...environment } })
    t.strictSame(settings.publicUrls, ['https://hub.example'])
    t.equal(settings.host, '0.0.0.0', 'Caddy reaches it')
    t.equal(settings.adminHost, '127.0.0.1', 'nobody else reaches its admin listener')
    t.match(parseRedisUrl(settings.transportUrl).nodes, [{ host: 'redis', port: 6379 }])
    t.ok(
      Number.parseInt(services[name]?.stop_grace_period ?? '') * 1000 >
        settings.drainTimeoutMs + 2_000,
    )
    t.match(services['caddy']?.environment, {
      HUB_ADDRESS: new RegExp(`\\b${name}:${portInImage}\\b`),
    })
  }
  t.match(repositoryFile('Caddyfile.example'), '{$HUB_ADDRESS')
  const [{ subnet }] = compose.networks.default.ipam.config
  t.match(services['hub-a']?.environment?.['MERCURE_TRUSTED_PROXIES'], subnet)
})

t.test(
  'compose.yaml: Redis keeps what was acknowledged, and only Caddy is to be reached',
  async (t) => {
    t.match(
      services['redis']?.command,
      /--appendonly yes --appendfsync always --maxmemory-policy noeviction/,
    )
    t.ok(services['redis']?.volumes?.some((volume) => volume.endsWith(':/data')))
    const open = Object.entries(services).filter(([, { ports }]) => ports !== undefined)
    t.strictSame(
      open.map(([name]) => name),
      ['caddy'],
    )
  },
)

t.test('compose.yaml: what has to be given is asked for', async (t) => {
  const asked = [...repositoryFile('compose.yaml').matchAll(/\$\{(\w+):\?/g)].map(
    ([, name]) => name,
  )
  t.strictSame(new Set(asked), new Set(Object.keys(given)))
})

/** As compose fills `${NAME:?what it is}` and `${NAME:-default}` in. */
function filledIn(environment: Readonly<Record<string, string>>): Record<string, string> {
  const fill = (text: string) =>
    text.replace(/\$\{(\w+):([?-])([^}]*)\}/g, (_, name: string, kind: string, rest: string) => {
      const value = (given as Record<string, string>)[name]
      return value ?? (kind === '-' ? rest : '')
    })
  return Object.fromEntries(Object.entries(environment).map(([name, text]) => [name, fill(text)]))
}

/** What the Dockerfile sets. */
function imageEnvironment(): Record<string, string> {
  const found = repositoryFile('Dockerfile').matchAll(/\b(MERCURE_[A-Z_]+)=(\S+)/g)
  return Object.fromEntries([...found].map(([, name = '', value = '']) => [name, value]))
}
