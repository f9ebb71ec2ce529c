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

/**
 * Parses `application/x-www-form-urlencoded` by the WHATWG algorithm, which never fails: a raw `;`
 * and a stray `%` stand for themselves. Only invalid UTF-8 is refused (decision 6).
 *
 * @param bytes the form, one character per byte (`latin1`)
 * @throws HubError `invalid_form`
 */
export function parseForm(bytes: string): Form {
  const fields: [string, string][] = []
  for (const pair of bytes.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    if (equals < 0) fields.push([decode(pair), ''])
    else fields.push([decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))])
  }
  return new Form(fields)
}

/** Anything but ASCII and escapes of ASCII characters. */
const hasMoreThanEscapes = /[+\u0080-\u00ff]|%(?![0-7][0-9a-f])/i
const needsDecoding = /[%+\u0080-\u00ff]/

function decode(bytes: string): string {
  if (!needsDecoding.test(bytes)) return bytes
  if (!hasMoreThanEscapes.test(bytes)) return decodeURIComponent(bytes)
  const escaped = bytes
    .replaceAll('+', ' ')
    .replace(/%(?![0-9a-f]{2})/gi, '%25')
    .replace(/[\u0080-\u00ff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`)
  try {
    return decodeURIComponent(escaped)
  } catch (cause) {
    throw new HubError('invalid_form', 'the form holds bytes that are not UTF-8', { cause })
  }
}
