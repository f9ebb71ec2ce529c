import type { Directive } from './caddyfile.ts'

/** An entry of `issuers:`, in the words of the configuration file. */
export interface IssuerEntry {
  readonly id: string
  readonly publisher?: RoleEntry
  readonly subscriber?: RoleEntry
  readonly authorization_server?: true
}

/** An `issuer` block: its entry, and what could not be written into it. */
export interface IssuerBlock {
  readonly entry: IssuerEntry
  readonly notes: readonly string[]
}

interface RoleEntry {
  readonly key?: string
  readonly algorithm?: string
  readonly jwks_uri?: string
  readonly algorithms?: readonly string[]
}

/** Whether directives name several issuers, whose keys must never be pooled. */
export function hasSeveralIssuers(directives: readonly Directive[]): boolean {
  return new Set(directives.filter(isIssuer).map(({ words }) => words[1])).size > 1
}

export function isIssuer({ words }: Directive): boolean {
  return words[0] === 'issuer'
}

/** `issuer ID { … }` as an entry of its own, and a note for each key that stands in a variable. */
export function issuerEntry({ words, block = [] }: Directive): IssuerBlock {
  const id = words[1] ?? ''
  const notes: string[] = []
  const roleOf = (role: 'publisher' | 'subscriber') => {
    const inner = block.find(({ words: [name] }) => name === role)?.block ?? []
    for (const { words: given } of inner)
      if (isVariable(given[1]))
        notes.push(`issuer ${id}: its ${role} ${given[0]} stands in the variable ${given[1]}; write its value into issuers`) // prettier-ignore
    const [first] = inner
    return first === undefined ? {} : { [role]: roleEntry(first) }
  }
  const isAdvertised = block.some(({ words: [name] }) => name === 'authorization_server')
  const entry: IssuerEntry = {
    id,
    ...roleOf('publisher'),
    ...roleOf('subscriber'),
    ...(isAdvertised ? { authorization_server: true } : {}),
  }
  return { entry, notes }
}

function roleEntry({ words: [name, value = '', ...algorithms] }: Directive): RoleEntry {
  const text = value.replace(/^\{(?:\$|env\.)\w+:([^}]*)\}$/, '$1')
  if (isVariable(text)) return {} // a hub without it does not start; with its name as the key it would
  const [algorithm] = algorithms
  if (name === 'jwt') return { key: text, ...(algorithm === undefined ? {} : { algorithm }) }
  return { jwks_uri: text, ...(algorithms.length === 0 ? {} : { algorithms }) }
}

/** Whether Caddy would fill in a value that stands elsewhere. */
function isVariable(text = ''): boolean {
  return /^\{(?:\$|env\.)\w+\}$/.test(text)
}
