import type { Option } from './options/kinds.ts'
import { algorithms, type OptionName, optionNames, options } from './options/table.ts'

type Schema = Readonly<Record<string, unknown>>

/** The JSON Schema (draft 7, which editors know best) of the configuration file, made from the option table. */
export function jsonSchema(): Schema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Configuration of a Cinnabar hub',
    type: 'object',
    additionalProperties: false,
    properties: {
      ...Object.fromEntries(optionNames.map((name) => [name, schemaOf(name)])),
      issuers: {
        type: 'array',
        items: issuer,
        description: 'Token issuers with keys of their own.',
      },
      legacy: { ...map(roles), description: 'Keys for tokens of protocol 0.x.' },
    },
  }
}

function schemaOf(name: OptionName): Schema {
  const option: Option<unknown> = options[name]
  const { meaning, unit, ceiling } = option
  const facts = [
    ...(unit === undefined ? [] : [`Counted in ${unit}.`]),
    ...(ceiling === undefined ? [] : [`At most ${ceiling}.`]),
  ]
  return {
    description: [meaning, ...facts].join(' '),
    ...(option.default === '' ? {} : { default: defaultOf(option) }),
    ...shapeOf(option),
  }
}

function defaultOf(option: Option<unknown>): unknown {
  if (option.type === 'switch') return option.default === '1'
  return option.isList === true ? option.default.split(' ') : option.default
}

function shapeOf(option: Option<unknown>): Schema {
  if (option.isList === true) return { type: ['array', 'string'], items: text }
  if (option.type === 'switch') return { enum: [true, false, 1, 0] }
  if (option.type === 'algorithm') return { enum: algorithms }
  const words = option.type.split(/, | or /)
  const isChoice =
    words.length > 1 && words.every((word) => option.parse(word).expected === undefined)
  if (isChoice)
    return { enum: [...words, ...words.filter((word) => /^\d+$/.test(word)).map(Number)] }
  if (option.type === 'duration')
    return {
      type: ['string', 'integer'],
      pattern: '^(0|(\\d+(d|h|m|s|ms))+)$',
      maximum: 0,
      minimum: 0,
    }
  if (option.type === 'size')
    return { type: ['string', 'integer'], pattern: '^\\d+(e\\d+|[KMGT]i?B|B)?$', minimum: 0 }
  if (/^(?:count|port)/.test(option.type)) return { type: ['string', 'integer'], minimum: 0 }
  return text
}

const text = { type: 'string' } as const

function map(properties: Schema, required: readonly string[] = []): Schema {
  return { type: 'object', additionalProperties: false, properties, required }
}

const role = map({
  key: text,
  algorithm: { enum: algorithms },
  jwks_uri: text,
  algorithms: { type: 'array', items: { enum: algorithms } },
})
const roles = { publisher: role, subscriber: role }
const issuer = map({ id: text, ...roles, authorization_server: { enum: [true, false, 1, 0] } }, [
  'id',
])
