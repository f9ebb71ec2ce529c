import { createRequire } from 'node:module'
import type { core } from 'zod'
import { issuerId } from '../options/address-parsers.ts'
import { type Places, readRole, type RoleFields } from './role-keys.ts'
import { didYouMean } from '../sources/did-you-mean.ts'
import { algorithms } from '../options/table.ts'
import { conceal, describe, problem } from '../problem.ts'
import type { IssuerSettings, RoleKeys } from '../settings.ts'
import type { Readings } from '../sources/sources.ts'

const require = createRequire(import.meta.url)

/** `issuers:` and `legacy:` of the file. */
export interface FileIssuers {
  readonly issuers: readonly IssuerSettings[]
  readonly legacy: RoleKeys | undefined
  readonly problems: readonly string[]
}

export function readFileIssuers({ issuers, legacy, file }: Readings): FileIssuers {
  if (issuers === undefined && legacy === undefined)
    return { issuers: [], legacy: undefined, problems: [] }
  const problems: string[] = []
  const shape = checkShape({ issuers, legacy }, file, problems)
  return {
    issuers: (shape?.issuers ?? []).map((issuer, index) =>
      readIssuer(issuer, `issuers[${index}]`, file, problems),
    ),
    legacy: shape?.legacy && readRoles(shape.legacy, 'legacy', file, problems),
    problems,
  }
}

interface RolesShape {
  readonly publisher?: RoleFields | undefined
  readonly subscriber?: RoleFields | undefined
}

interface IssuerShape extends RolesShape {
  readonly id: string
  readonly authorization_server?: string | undefined
}

interface FileShape {
  readonly issuers?: readonly IssuerShape[] | undefined
  readonly legacy?: RolesShape | undefined
}

function readIssuer(
  shape: IssuerShape,
  path: string,
  file: string,
  problems: string[],
): IssuerSettings {
  const id = issuerId(shape.id)
  if (id.expected !== undefined)
    problems.push(problem(`${path}.id`, id.expected, describe(shape.id), file))
  return {
    id: shape.id,
    authorizationServer: ['1', 'true'].includes(shape.authorization_server ?? '0'),
    ...readRoles(shape, path, file, problems),
  }
}

function readRoles(shape: RolesShape, path: string, file: string, problems: string[]): RoleKeys {
  const before = problems.length
  const read = (role: 'publisher' | 'subscriber') => {
    const places: Places = { name: (field) => `${path}.${role}.${field}`, origin: () => file }
    const fields = shape[role]
    const key = fields && readRole(fields, places, problems)
    if (fields !== undefined && key === undefined && problems.length === before)
      problems.push(problem(`${path}.${role}`, 'key or jwks_uri', 'neither', file))
    return key === undefined ? {} : { [role]: key }
  }
  const keys: RoleKeys = { ...read('publisher'), ...read('subscriber') }
  if (keys.publisher === undefined && keys.subscriber === undefined && problems.length === before)
    problems.push(problem(path, 'keys for publisher or subscriber', 'neither', file))
  return keys
}

/** Loaded here and not at the top: the schema library costs start-up time, and few hubs have several issuers. */
function checkShape(content: unknown, file: string, problems: string[]): FileShape | undefined {
  const z = require('zod') as typeof import('zod')
  const role = z.strictObject({
    key: z.string().optional(),
    algorithm: z.enum(algorithms).optional(),
    jwks_uri: z.string().optional(),
    algorithms: z.array(z.enum(algorithms)).optional(),
  })
  const roles = { publisher: role.optional(), subscriber: role.optional() }
  const schema = z.object({
    issuers: z
      .array(
        z.strictObject({
          id: z.string(),
          ...roles,
          authorization_server: z.enum(['0', '1', 'true', 'false']).optional(),
        }),
      )
      .optional(),
    legacy: z.strictObject(roles).optional(),
  })
  const parsed = schema.safeParse(content, { reportInput: true })
  if (parsed.success) return parsed.data
  problems.push(...parsed.error.issues.flatMap((issue) => explain(issue, file)))
  return undefined
}

const keysOf = {
  role: ['key', 'algorithm', 'jwks_uri', 'algorithms'],
  issuer: ['id', 'publisher', 'subscriber', 'authorization_server'],
}

function explain(issue: core.$ZodIssue, file: string): readonly string[] {
  const path = issue.path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : join(text, String(step))),
    '',
  )
  if (issue.code === 'unrecognized_keys') {
    const known = /publisher|subscriber/.test(path) ? keysOf.role : keysOf.issuer
    return issue.keys.map(
      (key) => `${join(path, key)}: unknown key${didYouMean(key, known)} (from ${file})`,
    )
  }
  const got = issue.path.at(-1) === 'key' ? concealed(issue.input) : describe(issue.input)
  return [problem(path, expectedBy(issue), got, file)]
}

function expectedBy(issue: core.$ZodIssue): string {
  if (issue.code === 'invalid_value') return `one of ${issue.values.map(String).join(', ')}`
  if (issue.code !== 'invalid_type') return issue.message
  const nouns: Readonly<Record<string, string>> = {
    string: 'a text',
    array: 'a list',
    object: 'a map',
  }
  return nouns[issue.expected] ?? issue.expected
}

function concealed(value: unknown): string {
  return typeof value === 'string' ? conceal(value) : describe(value)
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}
