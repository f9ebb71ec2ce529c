import { randomUUID } from 'node:crypto'
import { signToken, type SigningKey, UnusableKey } from '../../auth/token/sign.ts'
import { algorithms } from '../../config/options/table.ts'
import { choice, duration } from '../../config/options/parsers.ts'
import type { Settings } from '../../config/settings.ts'
import { Arguments, UsageError } from '../arguments.ts'
import {
  accessTokenClaims,
  byPattern,
  type Claims,
  exactly,
  legacyClaims,
  type Wish,
} from '../tokens/claims.ts'
import { audienceOf } from '../hub-address.ts'
import { answer, note } from '../output.ts'
import { decode } from './decode.ts'
import { ownSettings } from '../own-settings.ts'
import { secretText } from '../secret-text.ts'
import { checkMatchers } from '../tokens/matchers.ts'
import { givenKey, playgroundIssuer, type Signer, signerFrom } from '../tokens/signer.ts'

export const tokenHelp = `Usage: cinnabar token [--publish T]… [--subscribe T]… [--publish-pattern P]…
       [--subscribe-pattern P]… [options]
       cinnabar token --decode TOKEN

Prints a signed token for the hub, or what one says and whether the hub would take it.

  --publish T            grant publishing to the topic T, or to all with "*"; repeatable
  --subscribe T          grant receiving private updates of T, or of all with "*"; repeatable
  --publish-pattern P    grant publishing to the topics that fit a URL Pattern; repeatable
  --subscribe-pattern P  grant receiving private updates of those; repeatable
  --urlpattern P         the same as --subscribe-pattern
  --payload JSON         an object that accompanies the subscriptions
  --ttl DURATION         how long the token is valid; default 1h (with --legacy: for ever)
  --legacy               a protocol 0.x token
  --iss ID               issuer; default: the hub's first trusted issuer
  --aud URL              audience; default: the hub's resource identifier or URL
  --sub ID               subject; default: a random urn:uuid
  --key KEY              secret or private key as PEM; @FILE reads it, @- from stdin
  --alg NAME             its algorithm; default HS256, required for a PEM
  --decode TOKEN         print what this token says; @FILE reads it, @- from stdin; exit code 1
                         when the hub would refuse it
  --config FILE          the hub's configuration file
  --json                 an object with the token and its claims
  --quiet                no notes on stderr

Issuer, audience and key come from the hub's own settings (environment, file) when not given;
without any, the playground's development key is used.
`

const flags = {
  publish: 'list',
  subscribe: 'list',
  'publish-pattern': 'list',
  'subscribe-pattern': 'list',
  urlpattern: 'list',
  payload: 'text',
  ttl: 'text',
  legacy: 'switch',
  iss: 'text',
  aud: 'text',
  sub: 'text',
  key: 'text',
  alg: 'text',
  decode: 'text',
  config: 'text',
} as const

/** Topics that all details of a token may have together (draft-08 § 1.7). */
const maxTopics = 100
const defaultTtlMs = 3_600_000

/** `cinnabar token`: prints a token. Resolves with the exit code. */
export async function token(argv: readonly string[]): Promise<number> {
  const args = new Arguments(argv, flags)
  args.expectNoPositionals()
  if (args.text('decode') !== undefined) return decodeGiven(args)
  const settings = ownSettings(args.text('config'))
  const wish = readWish(args, audienceOf(settings))
  const ttlMs = args.parsed('ttl', duration({ floor: '1s', ceiling: '3650d' }))
  const isLegacy = args.isOn('legacy')
  const signer = readSigner(args, settings, wish, isLegacy)
  args.expectNoProblems()
  if (signer === undefined) return 2
  const claims = isLegacy
    ? { ...legacyClaims(wish, ttlMs), ...explicitClaims(args) }
    : accessTokenClaims(wish, {
        issuer: signer.issuer,
        audience: args.text('aud') ?? audienceOf(settings),
        subject: args.text('sub') ?? `urn:uuid:${randomUUID()}`,
        ttlMs: ttlMs ?? defaultTtlMs,
      })
  const text = await sign(claims, isLegacy, signer.key)
  for (const sentence of signer.notes) note('token', sentence)
  await answer(`${text}\n`, { token: text, claims })
  return 0
}

/** Nothing is made here, so nothing that says what to make has a meaning. */
function decodeGiven(args: Arguments): Promise<number> {
  const text = args.parsed('decode', secretText)
  const others = Object.keys(flags).filter((flag) => !['decode', 'config'].includes(flag))
  for (const flag of others)
    if (args.text(flag) !== undefined) args.problems.push(`--${flag}: has no meaning with --decode`)
  args.expectNoProblems()
  return decode(text ?? '', args.text('config'))
}

const patternFlags = ['publish-pattern', 'subscribe-pattern', 'urlpattern'] as const

/** What was asked for, and nothing else. */
function readWish(args: Arguments, base: string): Wish {
  checkMatchers(args, { exact: ['publish', 'subscribe'], urlpattern: patternFlags }, base)
  if (args.text('legacy') !== undefined) refusePatterns(args)
  const granted = (exact: string, ...patterns: readonly string[]) => [
    ...args.list(exact).map(exactly),
    ...patterns.flatMap((flag) => args.list(flag)).map(byPattern),
  ]
  const wish = {
    publish: granted('publish', 'publish-pattern'),
    subscribe: granted('subscribe', 'subscribe-pattern', 'urlpattern'),
    payload: args.parsed('payload', payload),
  }
  const topics = new Set([...wish.publish, ...wish.subscribe].map(({ match }) => match)).size
  if (topics === 0) args.problems.push(`expected a grant: ${grantFlags}, got none`)
  if (topics > maxTopics)
    args.problems.push(`expected at most ${maxTopics} topics in a token, got ${topics}`)
  return wish
}

const grantFlags = '--publish, --subscribe, --publish-pattern or --subscribe-pattern'

/** Protocol 0.x has URI Templates, which stand among its topics. */
function refusePatterns(args: Arguments): void {
  for (const flag of patternFlags)
    if (args.list(flag).length > 0) {
      const role = flag === 'publish-pattern' ? 'publish' : 'subscribe'
      args.refuse(flag, `--${role} with a URI Template, as 0.x knows them`, 'a URL Pattern')
    }
}

function payload(text: string): ReturnType<typeof parseObject> {
  return parseObject(text)
}

function parseObject(
  text: string,
): { value: Readonly<Record<string, unknown>>; expected?: never } | { expected: string } {
  const expected = 'a JSON object such as {"user":1}'
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return { expected }
    return { value: { ...value } }
  } catch {
    return { expected }
  }
}

function readSigner(
  args: Arguments,
  settings: Settings,
  wish: Wish,
  isLegacy: boolean,
): Signer | undefined {
  const algorithm = args.parsed('alg', choice(...algorithms))
  const issuer = args.text('iss')
  if (args.text('key') === undefined) {
    const signer = signerFrom(settings, wish, { issuer, isLegacy })
    if ('expected' in signer) {
      if (wish.publish.length + wish.subscribe.length > 0)
        args.refuse('key', signer.expected, signer.got)
      return undefined
    }
    const key = algorithm === undefined ? signer.key : givenKey(signer.key.key, algorithm)
    return 'expected' in key ? refused(args, key) : { ...signer, key }
  }
  const text = args.parsed('key', secretText)
  const key = text === undefined ? undefined : givenKey(text, algorithm)
  if (key === undefined) return undefined
  if ('expected' in key) return refused(args, key)
  return { issuer: issuer ?? settings.issuers[0]?.id ?? playgroundIssuer, key, notes: [] }
}

function refused(args: Arguments, { expected, got }: { expected: string; got: string }): undefined {
  args.refuse('key', expected, got)
}

/** A 0.x token has none of these unless they are asked for. */
function explicitClaims(args: Arguments): Claims {
  const claims = ['iss', 'aud', 'sub'] as const
  return Object.fromEntries(
    claims.flatMap((claim) => {
      const value = args.text(claim)
      return value === undefined ? [] : [[claim, value]]
    }),
  )
}

async function sign(claims: Claims, isLegacy: boolean, key: SigningKey): Promise<string> {
  try {
    return await signToken(claims, isLegacy ? 'JWT' : 'at+jwt', key)
  } catch (error) {
    if (!(error instanceof UnusableKey)) throw error
    throw new UsageError(`--key: ${error.message}`)
  }
}
