import { jwksUri as parseJwksUri } from '../options/address-parsers.ts'
import { conceal, problem, quote } from '../problem.ts'
import { pemFault } from './pem.ts'
import type { KeySettings } from '../settings.ts'

/** What an operator writes for one role, in options or in the file. */
export interface RoleFields {
  readonly key?: string | undefined
  readonly algorithm?: string | undefined
  readonly jwks_uri?: string | undefined
  readonly algorithms?: readonly string[] | undefined
}

/** How messages name a field, and where its value was found. */
export interface Places {
  name(field: keyof RoleFields): string
  origin(field: keyof RoleFields): string | undefined
}

/** One key and its algorithm, as against a JWK Set. */
export type StaticKeySettings = Extract<KeySettings, { kind: 'static' }>

/** The key that opens every playground: public knowledge, worth nothing anywhere else. */
export const developmentKey: StaticKeySettings = {
  kind: 'static',
  key: '!ChangeThisMercureHubJWTSecretKey!',
  algorithm: 'HS256',
}

/** A role's key or JWK Set; undefined when there is none, or when it went into `problems`. */
export function readRole(
  fields: RoleFields,
  places: Places,
  problems: string[],
): KeySettings | undefined {
  const { key, jwks_uri: uri } = fields
  if (key !== undefined && uri !== undefined) {
    const expected = `either ${places.name('key')} or ${places.name('jwks_uri')}`
    problems.push(problem(places.name('key'), expected, 'both', places.origin('key')))
    return undefined
  }
  const reader = new RoleReader(fields, places, problems)
  if (key !== undefined) return reader.staticKey(key)
  return uri === undefined ? undefined : reader.jwks(uri)
}

class RoleReader {
  readonly #fields: RoleFields
  readonly #places: Places
  readonly #problems: string[]

  constructor(fields: RoleFields, places: Places, problems: string[]) {
    this.#fields = fields
    this.#places = places
    this.#problems = problems
  }

  staticKey(text: string): KeySettings | undefined {
    if (this.#fields.algorithms !== undefined)
      return this.#refuse('algorithms', `one ${this.#places.name('algorithm')} for a key`, 'a list')
    return isPem(text) ? this.#pem(text) : this.#secret(text)
  }

  jwks(uri: string): KeySettings | undefined {
    const { algorithm, algorithms = algorithm === undefined ? undefined : [algorithm] } =
      this.#fields
    const parsed = parseJwksUri(uri)
    if (parsed.expected !== undefined) return this.#refuse('jwks_uri', parsed.expected, quote(uri))
    const secret = algorithms?.find(isForSecrets)
    if (secret !== undefined) {
      const field = algorithm === undefined ? 'algorithms' : 'algorithm'
      return this.#refuse(field, 'an algorithm of public keys such as ES256', quote(secret))
    }
    return { kind: 'jwks', uri, ...(algorithms === undefined ? {} : { algorithms }) }
  }

  #secret(text: string): KeySettings | undefined {
    const { algorithm = 'HS256' } = this.#fields
    if (text === '') return this.#refuse('key', 'a secret or a PEM text', 'nothing')
    if (!isForSecrets(algorithm))
      return this.#refuse('key', `a public key as PEM text, for ${algorithm}`, conceal(text))
    return { kind: 'static', key: text, algorithm }
  }

  #pem(text: string): KeySettings | undefined {
    const { algorithm } = this.#fields
    if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text))
      return this.#refuse('key', 'the public key or its certificate', 'a private key')
    if (algorithm === undefined || isForSecrets(algorithm)) {
      const got = algorithm === undefined ? 'nothing' : quote(algorithm)
      return this.#refuse('algorithm', 'the algorithm of the PEM key, such as RS256 or ES256', got)
    }
    const key = withLineEnds(text)
    const fault = pemFault(key, algorithm)
    if (fault !== undefined) return this.#refuse('key', fault.expected, fault.got)
    return { kind: 'static', key, algorithm }
  }

  #refuse(field: keyof RoleFields, expected: string, got: string): undefined {
    const origin = this.#places.origin(field) ?? this.#places.origin('key')
    this.#problems.push(problem(this.#places.name(field), expected, got, origin))
  }
}

export function isPem(text: string): boolean {
  return text.includes('-----BEGIN ')
}

export function isForSecrets(algorithm: string): boolean {
  return algorithm.startsWith('HS')
}

/** Variables often cannot hold line ends, so that a PEM text arrives with `\n` spelled out. */
export function withLineEnds(pem: string): string {
  return pem.includes('\n') ? pem : pem.replaceAll(String.raw`\n`, '\n')
}
