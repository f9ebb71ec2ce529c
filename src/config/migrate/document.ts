import { createRequire } from 'node:module'
import { type OptionName, options } from '../options/table.ts'
import type { Option } from '../options/kinds.ts'
import type { Translated } from './directives.ts'
import type { IssuerEntry } from './issuers.ts'

const require = createRequire(import.meta.url)

/** A configuration file for our hub, with a comment above each option and one for what has none. */
export function configurationFile(source: string, translated: readonly Translated[]): string {
  const found = new Map<OptionName, { readonly texts: string[]; readonly from: Set<string> }>()
  const notes: string[] = []
  const issuers: IssuerEntry[] = []
  for (const one of translated) {
    if ('issuer' in one) {
      issuers.push(one.issuer)
      continue
    }
    if ('note' in one) {
      notes.push(one.note)
      continue
    }
    const entry = found.get(one.option) ?? { texts: [], from: new Set() }
    if (!entry.texts.includes(one.text)) entry.texts.push(one.text)
    entry.from.add(one.from)
    found.set(one.option, entry)
  }
  const entries = [...found].map(([name, { texts, from }]) => entryFor(name, texts, [...from]))
  const head = `# Cinnabar's configuration, made from ${source.replaceAll(/\s+/g, ' ')}. Start it with: cinnabar serve --config FILE\n`
  return [
    head,
    ...entries,
    ...listOf(issuers),
    ...missing(found, issuers),
    ...notesFor(notes),
  ].join('\n')
}

function entryFor(name: OptionName, texts: readonly string[], from: readonly string[]): string {
  const option: Option<unknown> = options[name]
  const parts = [...new Set(texts.flatMap((text) => text.split(/[\s,]+/)))].filter(
    (one) => one !== '',
  )
  const value =
    option.isList === true ? `[${parts.map(scalar).join(', ')}]` : scalar(texts[0] ?? '')
  const others =
    option.isList === true || texts.length < 2
      ? ''
      : ' It was set more than once: the first counts.'
  return `# ${option.meaning} (was ${from.join(', ')})${others}\n${name}: ${value}\n`
}

/** Several issuers, each with keys of its own. */
function listOf(issuers: readonly IssuerEntry[]): readonly string[] {
  if (issuers.length === 0) return []
  const { stringify } = require('yaml') as typeof import('yaml')
  return [`# Token issuers, each with keys of its own (was issuer).\n${stringify({ issuers })}`]
}

/** JSON is YAML, whatever is in it. */
function scalar(text: string): string {
  return /^[a-z0-9][\w./-]*$/i.test(text) && !/^(?:null|true|false|yes|no|on|off)$/i.test(text)
    ? text
    : JSON.stringify(text)
}

/** What the other hub did without being asked, and a hub that cannot start without it. */
function missing(
  found: ReadonlyMap<OptionName, unknown>,
  issuers: readonly IssuerEntry[],
): readonly string[] {
  const roles = ['publisher', 'subscriber'] as const
  const hasFlatKeys = roles.some(
    (role) => found.has(`${role}_jwt_key`) || found.has(`${role}_jwks_uri`),
  )
  const hasKeys = hasFlatKeys || issuers.length > 0
  const isIssuerKnown = found.has('trusted_issuers') || issuers.length > 0
  return [
    ...(found.has('protocol_version_compatibility') || (hasKeys && isIssuerKnown)
      ? []
      : [
          '# Tokens and clients of protocol 0.x are served, as they were; without it trusted_issuers is needed.\nprotocol_version_compatibility: 8\n',
        ]),
    ...(hasKeys
      ? []
      : [
          '# The keys are elsewhere: MERCURE_PUBLISHER_JWT_KEY and MERCURE_SUBSCRIBER_JWT_KEY, or here:\n# publisher_jwt_key: ""\n# subscriber_jwt_key: ""\n',
        ]),
    ...(found.has('public_urls') || found.has('resource_identifier')
      ? []
      : [
          '# The name that browsers call the hub by; without it only loopback names get 1.0 tokens accepted.\n# public_urls: [https://hub.example]\n',
        ]),
  ]
}

function notesFor(notes: readonly string[]): readonly string[] {
  if (notes.length === 0) return []
  const lines = notes.map((note) => `#   ${note.replaceAll(/\s+/g, ' ')}\n`)
  return [`# Not carried over:\n${[...new Set(lines)].join('')}`]
}
