import { isOptionName, type OptionName, options } from '../options/table.ts'
import type { Option } from '../options/kinds.ts'
import { conceal, quote } from '../problem.ts'
import type { Directive } from './caddyfile.ts'
import { hasSeveralIssuers, type IssuerEntry, isIssuer, issuerEntry } from './issuers.ts'

/** What stands for a setting of another hub: an option with its text, an issuer of several, or why there is none. */
export type Translated =
  | { readonly option: OptionName; readonly text: string; readonly from: string }
  | { readonly issuer: IssuerEntry }
  | { readonly note: string }

/** Directives that mean one option under another name. */
const names: Readonly<Record<string, OptionName>> = {
  ui: 'debugger',
  demo: 'debugger',
  publisher_jwt: 'publisher_jwt_key',
  subscriber_jwt: 'subscriber_jwt_key',
  publisher_jwks_url: 'publisher_jwks_uri',
  subscriber_jwks_url: 'subscriber_jwks_uri',
  topic_matcher_cache_size: 'topic_matcher_cache',
  topic_selector_cache: 'topic_matcher_cache',
  subscriber_list_cache_size: 'topic_matcher_cache',
}

const without: Readonly<Record<string, string>> = {
  name: 'a hub has no name of its own',
  bucket_name: 'a history has no bucket',
  cleanup_frequency: 'trimming needs no frequency',
}

/** Translates directives of the `mercure` block. Every text that comes out is one that its option takes. */
export function translate(directives: readonly Directive[]): readonly Translated[] {
  const isApart = hasSeveralIssuers(directives)
  return directives.flatMap((directive) =>
    isApart && isIssuer(directive) ? issuerApart(directive) : one(directive),
  )
}

function issuerApart(directive: Directive): readonly Translated[] {
  const { entry, notes } = issuerEntry(directive)
  return [{ issuer: entry }, ...notes.map((note) => ({ note }))]
}

function one({ words, block }: Directive): readonly Translated[] {
  const [name = '', ...rest] = words
  if (name === 'transport') return transport(rest[0] ?? '', block ?? [])
  if (name === 'transport_url') return transportUrl(rest[0] ?? '')
  if (name === 'issuer') return issuer(rest[0] ?? '', block ?? [])
  if (name === 'allowed_hosts') return [checked('public_urls', rest.map(asUrl).join(' '), name)]
  if (/^(?:publisher|subscriber)_jwt(?:_key)?$/.test(name)) return key(name, rest)
  const option = names[name] ?? name
  if (!isOptionName(option)) return [{ note: noteFor(name) }]
  if (option === 'topic_matcher_cache') return [checked(option, rest[0] ?? '', name)]
  return [checked(option, rest.length === 0 ? '1' : rest.join(' '), name)]
}

/** A value that its option does not take, or that Caddy would fill in, becomes a note. */
export function checked(name: OptionName, text: string, from: string): Translated {
  const option: Option<unknown> = options[name]
  const variable = /^\{(?:\$|env\.)(\w+)(?::([^}]*))?\}$/.exec(text)
  if (variable?.[2] !== undefined && variable[2] !== '') return checked(name, variable[2], from)
  if (variable !== null)
    return { note: `${from}: stands in the variable ${variable[1]}; ${name} takes its value` }
  const spelled =
    option.isList === true
      ? text
          .split(/[\s,]+/)
          .filter((part) => part !== '')
          .join(' ')
      : text
  const { expected, got } = option.parse(spelled) as {
    readonly expected?: string
    readonly got?: string
  }
  if (expected === undefined) return { option: name, text: spelled, from }
  const shown = option.isSecret === true ? conceal(text) : quote(got ?? text)
  return { note: `${from}: ${name} takes ${expected}, not ${shown}` }
}

function key(name: string, [text = '', algorithm]: readonly string[]): readonly Translated[] {
  const role = name.startsWith('publisher') ? 'publisher' : 'subscriber'
  const found = [checked(`${role}_jwt_key`, text, name)]
  return algorithm === undefined ? found : [...found, checked(`${role}_jwt_alg`, algorithm, name)]
}

function transport(kind: string, block: readonly Directive[]): readonly Translated[] {
  const given = new Map(block.map(({ words }) => [words[0] ?? '', words[1] ?? '']))
  if (kind === 'local') return [checked('transport_url', 'memory:', 'transport local')]
  if (kind !== 'bolt') return [{ note: `transport ${kind}: has no counterpart; redis://host:port/db shares a history` }] // prettier-ignore
  return bolt(given.get('path') ?? 'mercure.db', given.get('size'), 'transport bolt')
}

/** `bolt://path?size=…`, `local://…`, or one of ours. */
export function transportUrl(text: string): readonly Translated[] {
  if (text.startsWith('local:')) return [checked('transport_url', 'memory:', 'transport_url')]
  const [, path = '', query = ''] = /^bolt:(?:\/\/)?([^?]*)\??(.*)$/s.exec(text) ?? []
  if (path === '') return [checked('transport_url', text, 'transport_url')]
  return bolt(path, new URLSearchParams(query).get('size') ?? undefined, 'transport_url')
}

/** The file of another hub cannot be read, and must not be written to. */
function bolt(path: string, size: string | undefined, from: string): readonly Translated[] {
  const folder = `${path.replace(/\.(?:db|bolt)$/, '')}-history`
  const found = [checked('transport_url', `lmdb:${folder}`, from)]
  return size === undefined ? found : [...found, checked('history_size', size, from)]
}

function issuer(id: string, block: readonly Directive[]): readonly Translated[] {
  const roles = block.flatMap(({ words: [role = ''], block: inner = [] }) => {
    if (role === 'authorization_server')
      return [
        { note: 'authorization_server: issuers: in the file has it (authorization_server: true)' },
      ]
    return inner.flatMap(({ words: [name = '', ...rest] }): readonly Translated[] => {
      if (name === 'jwt') return key(`${role}_jwt`, rest)
      const option = `${role}_jwks_uri`
      return name.startsWith('jwks') && isOptionName(option)
        ? [checked(option, rest[0] ?? '', `${role} ${name}`)]
        : [{ note: noteFor(`${role} ${name}`) }]
    })
  })
  return [checked('trusted_issuers', id, 'issuer'), ...roles]
}

function asUrl(host: string): string {
  return /^https?:/.test(host) ? host : `https://${host}`
}

function noteFor(name: string): string {
  return `${name}: ${without[name] ?? 'no counterpart'}`
}
