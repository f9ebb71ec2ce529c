import { createRequire } from 'node:module'
import { isOptionName } from '../options/table.ts'
import { adviceFor, isFromKubernetes } from '../sources/other-hubs.ts'
import { type Directive, parseCaddyfile } from './caddyfile.ts'
import { checked, translate, type Translated, transportUrl } from './directives.ts'

const require = createRequire(import.meta.url)

type Variables = readonly (readonly [name: string, value: string])[]

/** What a Caddyfile, compose file or environment of another hub says, in our options. */
export function settingsOf(path: string, text: string): readonly Translated[] {
  if (/\.ya?ml$/i.test(path) || /^services:/m.test(text)) return ofCompose(text)
  const lines = text.split('\n').filter((line) => /^\s*[^#\s]/.test(line))
  const isEnvironment = /^\s*(?:export\s+)?[A-Z_][A-Z0-9_]*=/i.test(lines[0] ?? '')
  return isEnvironment ? ofVariables(readEnvironment(text)) : ofCaddyfile(text)
}

function ofCaddyfile(text: string): readonly Translated[] {
  const all = parseCaddyfile(text)
  const sites = all.filter((site) => hubsIn(site).length > 0)
  const hubs = sites.flatMap(hubsIn)
  if (hubs.length === 0) return translate(all)
  const addresses = sites
    .flatMap(({ words, block }) => (block === undefined ? [] : words))
    .filter((word) => word !== 'mercure')
  return [...addresses.flatMap(site), ...translate(hubs.flatMap(({ block }) => block ?? []))]
}

function hubsIn(directive: Directive): readonly Directive[] {
  if (directive.words[0] === 'mercure') return [directive]
  return (directive.block ?? []).flatMap(hubsIn)
}

/** A site's address is what browsers call the hub by. */
function site(address: string): readonly Translated[] {
  const name = address.replace(/,$/, '').replace(/^\{\$\w+:([^}]*)\}$/, '$1')
  if (/^(?:https?:\/\/)?:\d+$/.test(name) || name.startsWith('{'))
    return [
      {
        note: `${address}: if browsers call the hub by a name, public_urls takes it (https://hub.example)`,
      },
    ]
  if (/^(?:https?:\/\/)?localhost/.test(name)) return []
  return [
    checked('public_urls', /^https?:/.test(name) ? name : `https://${name}`, 'the site address'),
  ]
}

function ofVariables(variables: Variables): readonly Translated[] {
  return variables.flatMap(([name, value]) => (value === '' ? [] : variable(name, value)))
}

const olderNames: Readonly<Record<string, readonly string[]>> = {
  ALLOW_ANONYMOUS: ['anonymous'],
  CORS_ALLOWED_ORIGINS: ['cors_origins'],
  DISPATCH_TIMEOUT: ['dispatch_timeout'],
  HEARTBEAT_INTERVAL: ['heartbeat'],
  HISTORY_SIZE: ['history_size'],
  JWT_KEY: ['publisher_jwt_key', 'subscriber_jwt_key'],
  PUBLISHER_JWT_KEY: ['publisher_jwt_key'],
  PUBLISH_ALLOWED_ORIGINS: ['publish_origins'],
  SUBSCRIBER_JWT_KEY: ['subscriber_jwt_key'],
  SUBSCRIPTIONS: ['subscriptions'],
  WRITE_TIMEOUT: ['write_timeout'],
}

function variable(variableName: string, value: string): readonly Translated[] {
  const bare = variableName.replace(/^MERCURE_/, '')
  if (bare === 'EXTRA_DIRECTIVES') return translate(parseCaddyfile(value))
  if (bare === 'SERVER_NAME') return value.split(/[\s,]+/).flatMap(site)
  if (bare === 'TRANSPORT_URL') return transportUrl(value)
  const older = olderNames[bare]
  const names = older ?? (variableName.startsWith('MERCURE_') ? [bare.toLowerCase()] : [])
  return names.flatMap((name): readonly Translated[] => {
    if (isFromKubernetes(variableName, value)) return []
    if (isOptionName(name)) return [checked(name, value, variableName)]
    const advice = adviceFor(name, value, (one) => one)
    return [{ note: `${variableName}: ${advice ?? 'no counterpart'}` }]
  })
}

/** `KEY=value` lines, as compose and systemd read them: quotes are not part of a value, which may then have several lines. */
function readEnvironment(text: string): Variables {
  const shape = /^\s*(?:export\s+)?([A-Za-z_]\w*)=(?:"((?:\\.|[^"\\])*)"|'([^']*)'|([^\n]*))/gm
  return [...text.matchAll(shape)].map(([, name = '', double, single, plain = '']) => [
    name,
    double?.replaceAll(/\\(["\\$])/g, '$1') ?? single ?? plain.replace(/\s#.*$/, '').trim(),
  ])
}

interface Service {
  readonly image?: unknown
  readonly environment?: unknown
}

/** The services that are a hub: by image, by name, or by a variable that only a hub reads. */
function ofCompose(text: string): readonly Translated[] {
  const { parse } = require('yaml') as typeof import('yaml')
  const content = parse(text) as {
    readonly services?: Readonly<Record<string, Service | null>>
  } | null
  const services = Object.entries(content?.services ?? {})
  const environments = services.map(([name, service]) => ({
    isHub: /mercure/i.test(`${name} ${typeof service?.image === 'string' ? service.image : ''}`),
    variables: environmentOf(service?.environment),
  }))
  const ofHubs = environments.filter(
    ({ isHub, variables }) =>
      isHub || variables.some(([name]) => name === 'MERCURE_EXTRA_DIRECTIVES'),
  )
  if (ofHubs.length === 0) return [{ note: 'no service of this file looks like a hub' }]
  return ofHubs.flatMap(({ variables }) => ofVariables(variables))
}

function environmentOf(environment: unknown): Variables {
  if (typeof environment !== 'object' || environment === null) return []
  const pairs = Array.isArray(environment)
    ? environment.map((entry) => /^([^=]*)=?(.*)$/s.exec(String(entry))?.slice(1) ?? [])
    : Object.entries(environment).map(([name, value]) => [name, String(value ?? '')])
  return pairs.map(([name = '', value = '']) => [name, interpolated(value)])
}

/** `${NAME:-default}` is the default; `${NAME}` has its value elsewhere. */
function interpolated(value: string): string {
  const whole = /^\$\{(\w+)\}$/.exec(value)
  if (whole !== null) return `{env.${whole[1]}}`
  return value.replaceAll(/\$\{\w+:?-([^}]*)\}/g, '$1').replaceAll('$$', '$')
}
