import { isUtf8 } from 'node:buffer'
import { HubError } from '../../protocol/errors.ts'

/** The fields of a form, in the order they were sent. */
export class Form {
  readonly fields: readonly (readonly [name: string, value: string])[]

  constructor(fields: readonly (readonly [string, string])[]) {
    this.fields = fields
  }

  /** The first value of a field; undefined when it was not sent. */
  get(name: string): string | undefined {
    return this.fields.find(([field]) => field === name)?.[1]
  }

  getAll(name: string): string[] {
    return this.fields.filter(([field]) => field === name).map(([, value]) => value)
  }

  /** The fields of both, these first. */
  with(other: Form | undefined): Form {
    return other === undefined ? this : new Form([...this.fields, ...other.fields])
  }

  has(name: string): boolean {
    return this.fields.some(([field]) => field === name)
  }
}

/** How many fields a form may have, and what a form with more is refused as. */
export interface FormLimit {
  readonly fields: number
  readonly code: 'invalid_form' | 'too_large'
}

/** What a subscription says, and who asks for lists of them: 100 matchers, and room for what nobody knows. */
export const askingForm: FormLimit = { fields: 128, code: 'invalid_form' }
/** An update: 1,000 topics, and room. */
export const updateForm: FormLimit = { fields: 2048, code: 'too_large' }

/**
 * Parses `application/x-www-form-urlencoded` by the WHATWG algorithm, which never fails: a raw `;`
 * and a stray `%` stand for themselves. Only invalid UTF-8 is refused (decision 6), and more fields than
 * the limit says, before any of them is read.
 *
 * @param bytes the form, one character per byte (`latin1`)
 * @throws HubError `invalid_form`, and for too many fields what `limit` says
 */
export function parseForm(bytes: string, limit: FormLimit): Form {
  requireFewFields(bytes, limit)
  const fields: [string, string][] = []
  for (const pair of bytes.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    if (equals < 0) fields.push([decode(pair), ''])
    else fields.push([decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))])
  }
  return new Form(fields)
}

/** Empty fields count as well: each costs a look. @throws HubError what `limit` says */
export function requireFewFields(bytes: string, { fields, code }: FormLimit): void {
  let count = 1
  for (
    let at = bytes.indexOf('&');
    at >= 0 && at < bytes.length - 1;
    at = bytes.indexOf('&', at + 1)
  )
    if (++count > fields)
      throw new HubError(code, `a form may have at most ${fields} fields here`, {
        limit: 'form_fields',
      })
}

/** Anything but ASCII and escapes of ASCII characters. */
const hasMoreThanEscapes = /[+\u0080-\u00ff]|%(?![0-7][0-9a-f])/i
const needsDecoding = /[%+\u0080-\u00ff]/

function decode(text: string): string {
  if (!needsDecoding.test(text)) return text
  if (!hasMoreThanEscapes.test(text)) return decodeURIComponent(text)
  const bytes = unescaped(text)
  if (!isUtf8(bytes)) throw new HubError('invalid_form', 'the form holds bytes that are not UTF-8')
  return bytes.toString('utf8')
}

const [plus, space, percent] = [0x2b, 0x20, 0x25]

/** The bytes that a text stands for, in one pass: what is decoded is never longer, and takes the same place. */
function unescaped(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  let length = 0
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number // within its length
    const escaped = byte === percent ? escapedAt(bytes, at) : -1
    if (escaped >= 0) at += 2
    bytes[length++] = escaped >= 0 ? escaped : byte === plus ? space : byte
  }
  return bytes.subarray(0, length)
}

/** The byte that an escape stands for; negative when it is none. */
function escapedAt(bytes: Buffer, at: number): number {
  const [high, low] = [digitOf(bytes[at + 1]), digitOf(bytes[at + 2])]
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

function digitOf(code = 0): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}
