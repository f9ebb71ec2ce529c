import {
  boolean,
  count,
  duration,
  list,
  optional,
  type Parser,
  type Range,
  size,
} from './parsers.ts'

/** One option: what it is called comes from its key, everything else stands here. */
export interface Option<T> {
  readonly type: string
  /** What is counted, where the type does not say it. */
  readonly unit?: string
  /** In the notation of the operator; the empty text means "not set". */
  readonly default: string
  readonly ceiling?: string
  readonly meaning: string
  readonly isList?: boolean
  /** Its value never appears in a message. */
  readonly isSecret?: boolean
  readonly parse: Parser<T>
}

export function text<T>(
  parse: Parser<T>,
  type: string,
  fallback: string,
  meaning: string,
): Option<T> {
  return { type, default: fallback, meaning, parse }
}

export function oneOf<T>(
  parse: Parser<T>,
  type: string,
  fallback: string,
  meaning: string,
  ceiling?: string,
): Option<T> {
  return { type, default: fallback, meaning, parse, ...(ceiling === undefined ? {} : { ceiling }) }
}

export function several<T>(
  entry: Parser<T>,
  type: string,
  fallback: string,
  meaning: string,
): Option<readonly T[]> {
  return { type, default: fallback, meaning, isList: true, parse: list(entry) }
}

export function secret(
  meaning: string,
  parse: Parser<string> = (value) => ({ value }),
): Option<string | undefined> {
  return { type: 'text', default: '', meaning, isSecret: true, parse: optional(parse) }
}

export function flag(meaning: string, fallback: '0' | '1' = '0'): Option<boolean> {
  return { type: 'switch', default: fallback, meaning, parse: boolean }
}

export function time(fallback: string, range: Range, meaning: string): Option<number> {
  return {
    type: 'duration',
    default: fallback,
    ceiling: range.ceiling,
    meaning,
    parse: duration(range),
  }
}

export function bytes(fallback: string, range: Range, meaning: string): Option<number> {
  return { type: 'size', default: fallback, ceiling: range.ceiling, meaning, parse: size(range) }
}

export function number(
  unit: string,
  fallback: string,
  ceiling: string,
  meaning: string,
  floor = '0',
): Option<number> {
  const parse = count({ floor, ceiling })
  return { type: 'count', unit, default: fallback, ceiling, meaning, parse }
}
