import { didYouMean } from '../sources/did-you-mean.ts'

/** What a parser makes of a text: its value, or the rule that the text breaks. */
export type Parsed<T> =
  | { readonly value: T; readonly expected?: never }
  | {
      /** The rule, so that "expected …" reads well. */
      readonly expected: string
      /** The offending part of the text, when it is not all of it. */
      readonly got?: string
      /** Further parts that break a rule, where the text is a list. */
      readonly more?: readonly { readonly expected: string; readonly got: string }[]
    }

/** Reads an option's text, exactly as written: no trimming, no guessing. */
export type Parser<T> = (text: string) => Parsed<T>

/** The smallest and the largest accepted value, in the notation that the operator writes. */
export interface Range {
  readonly floor?: string
  readonly ceiling: string
}

const msPerUnit = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const
const durationShape = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/

const bytesPerUnit = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
} as const
const sizeShape = /^(\d+)([KMGT]i?B|B)$/
const countShape = /^(?:0|[1-9]\d*)(?:e\d{1,3})?$/

/** A duration in milliseconds: `500ms 5s 1m 1d 0`, or several from large to small, `1m30s`. */
export function duration(range: Range): Parser<number> {
  return ranged('a duration', '"40s"', readDuration, range)
}

/** A size in bytes: `512KB` (of 1000), `1MiB` (of 1024), or plain bytes. */
export function size(range: Range): Parser<number> {
  return ranged('a size', '"1MiB"', readSize, range)
}

/** A whole number: `100000` or `1e5`, and no other spelling. */
export function count(range: Range): Parser<number> {
  return ranged('a count', '"100000" or "1e5"', readCount, range)
}

/** A switch: `1` or `0`, `true` or `false`. */
export const boolean: Parser<boolean> = (text) => {
  if (text === '1' || text === 'true') return { value: true }
  if (text === '0' || text === 'false') return { value: false }
  return { expected: '1 or 0' }
}

/** One word of a few. */
export function choice<const T extends string>(...words: readonly T[]): Parser<T> {
  const expected = `one of ${words.join(', ')}`
  return (text) => {
    const word = words.find((one) => one === text)
    if (word !== undefined) return { value: word }
    return { expected: `${expected}${didYouMean(text, words)}` }
  }
}

/** Entries separated by spaces, line ends or commas; all that break `entry`'s rule are named. */
export function list<T>(entry: Parser<T>): Parser<readonly T[]> {
  return (text) => {
    const values: T[] = []
    const broken: { readonly expected: string; readonly got: string }[] = []
    for (const part of text.split(/[\s,]+/).filter((one) => one !== '')) {
      const parsed = entry(part)
      if (parsed.expected === undefined) values.push(parsed.value)
      else broken.push({ expected: parsed.expected, got: parsed.got ?? part })
    }
    const [first, ...more] = broken
    if (first === undefined) return { value: values }
    return more.length === 0 ? first : { ...first, more }
  }
}

/** `parser`, with the empty text for "not set". */
export function optional<T>(parser: Parser<T>): Parser<T | undefined> {
  return (text) => (text === '' ? { value: undefined } : parser(text))
}

/** Milliseconds, or undefined when `text` is no duration. */
export function readDuration(text: string): number | undefined {
  if (text === '0') return 0
  const parts = text === '' ? null : durationShape.exec(text)
  if (parts === null) return undefined
  return Object.values(msPerUnit).reduce(
    (sum, ms, index) => sum + Number(parts[index + 1] ?? 0) * ms,
    0,
  )
}

function readSize(text: string): number | undefined {
  const parts = sizeShape.exec(text)
  if (parts === null) return readCount(text)
  return Number(parts[1]) * bytesPerUnit[parts[2] as keyof typeof bytesPerUnit] // the shape's second group
}

function readCount(text: string): number | undefined {
  return countShape.test(text) ? Number(text) : undefined
}

function ranged(
  noun: string,
  example: string,
  read: (text: string) => number | undefined,
  range: Range,
): Parser<number> {
  const floor = range.floor ?? '0'
  const [least, most] = [read(floor), read(range.ceiling)]
  if (least === undefined || most === undefined) throw new TypeError(`no range of ${noun}`)
  return (text) => {
    const value = read(text)
    if (value === undefined || value < least)
      return { expected: `${noun} >= ${floor} such as ${example}` }
    return value <= most ? { value } : { expected: `${noun} of at most ${range.ceiling}` }
  }
}
