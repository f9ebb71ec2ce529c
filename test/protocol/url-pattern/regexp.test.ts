import t from 'tap'
import type { UrlComponents } from '../../../src/protocol/url-pattern/url-components.ts'
import { UrlPattern } from '../../../src/protocol/url-pattern/url-pattern.ts'
import { Random } from './random.ts'

/** Custom groups mean what `RegExp` with the `v` flag means. */

const base = 'https://hub.example/'

const characters = ['a', 'b', 'c', '-', '1', ' ', '_', 'A', '/', '.', 'é', '😀', '\ud83d', '\x01']

const singles = [
  '.',
  '\\d',
  '\\D',
  '\\w',
  '\\W',
  '\\s',
  '\\S',
  '[ab]',
  '[^a]',
  '[a-c1]',
  '[\\w\\-]',
]
  .concat(['\\x61', '\\u0062', '\\u{63}', '\\.', '\\/', '[\\-]'])
  .concat(['\\p{Lu}', '\\P{L}', '\\p{Script=Latin}', '[]'])
  .concat(['\\cA', '[^\\d]', '\\uD83D\\uDE00', '\\uD83D', '[\\b]', '\\0', '\\t', '[\\cA-\\x7f]'])

/** What only the `v` flag knows. */
const moreSingles = ['[[ab][^b]]', '[\\w--a]', '[\\w&&[a-z]]', '[\\p{L}--[a-b]]']
  .concat(['[\\u{1f600}-\\u{1f610}]', '[\\uD83D\\uDE00]', '[\\n\\r\\t\\v\\f\\0]', '\\f'])
  .concat(['[^\\p{L}\\p{N}]', '[[a-z]--[aeiou]--x]', '[\\w&&\\D&&[^_]]', '[\\&\\!\\-]', '[a&b]'])
  .concat([
    '[[[a]b]c]',
    '[\\p{L}&&\\p{ASCII}]',
    '[^[^a]]',
    '\\$',
    '\\^',
    '\\|',
    '[\\^\\]]',
    '\\p{Any}',
  ])

const assertions = ['^', '$', '\\b', '\\B']
const quantifiers = ['*', '+', '?', '{2}', '{0}', '{1,}', '{0,2}', '{1,3}', '{0,}', '*?', '{1,2}?']

t.test('random groups match what the RegExp of the runtime matches', (t) => {
  const seed = 20_261_124
  const random = new Random(seed)
  let matches = 0
  for (let round = 0; round < 3000; round++) {
    const { pattern, regexp } = randomPair(random)
    const own = compiled(pattern)
    if (own === undefined) continue
    for (let times = 0; times < 10; times++) {
      const text = random.joined(6, () => random.oneOf(characters))
      const expected = regexp?.test(text)
      if (expected === true) matches++
      if (own.test(withPathname(text)) !== expected)
        t.fail(`seed ${seed}: ${pattern} against ${JSON.stringify(text)}, expected ${expected}`)
    }
  }

  t.ok(matches > 1000, `${matches} matches`)
  t.end()
})

t.test('single characters are those of the RegExp of the runtime', (t) => {
  const codes = [...Array(0x180).keys(), 0x2028, 0x3000, 0xd83d, 0xfeff, 0x1f600, 0x10ffff]
  for (const source of [...singles, ...moreSingles]) {
    const pattern = UrlPattern.compile(`foo\\:x(${source})`, base)
    const regexp = new RegExp(`^x${source}$`, 'v')
    for (const code of codes) {
      const text = `x${String.fromCodePoint(code)}`
      if (pattern.test(withPathname(text)) !== regexp.test(text)) t.fail(`${source} and ${code}`)
    }
  }
  t.end()
})

/** Node 20 ends with a segmentation fault when it runs this class itself, and runs `[^]+` wrongly. */
t.test('classes that some runtimes cannot run', (t) => {
  const everything = UrlPattern.compile('foo\\:([^\\P{Any}]+)-([^]+)', base)

  t.ok(everything.test(withPathname('a\n-b\n')))
  t.notOk(UrlPattern.compile('foo\\:([\\P{Any}])', base).test(withPathname('a')))
  t.end()
})

/**
 * A pattern `{prefix(source)suffix}modifier`, and the regular expression the standard makes of it.
 *
 * It has the `u` flag, which here means the same: with `v`, Node 20 does not find that `[^\d].` twice
 * matches `/aA.`.
 */
function randomPair(random: Random): { pattern: string; regexp: RegExp | undefined } {
  const source = `a{0}${alternatives(random, 3)}`
  const prefix = random.oneOf(['', '', 'a', '-'])
  const suffix = random.oneOf(['', '', 'b', '-'])
  const modifier = random.oneOf(['', '', '?', '*', '+'])
  const once = `${prefix}(?:${source})`
  const isRepeated = modifier === '*' || modifier === '+'
  const isOptional = modifier === '*' || modifier === '?'
  const body = `${once}${isRepeated ? `(?:${suffix}${once})*` : ''}${suffix}`
  return {
    pattern: `foo\\:{${prefix}(${source})${suffix}}${modifier}`,
    regexp: accepted(`^(?:${body})${isOptional ? '?' : ''}$`),
  }
}

function alternatives(random: Random, depth: number): string {
  const sequence = (): string => random.joined(4, () => term(random, depth))
  return sequence() + random.joined(1, () => `|${sequence()}`)
}

function term(random: Random, depth: number): string {
  const kind = random.below(10)
  if (kind === 0) return random.oneOf(assertions)
  const atom = kind > 7 && depth > 0 ? `(?:${alternatives(random, depth - 1)})` : character(random)
  return atom + (random.below(3) === 0 ? random.oneOf(quantifiers) : '')
}

function character(random: Random): string {
  return random.below(2) === 0 ? random.oneOf(['a', 'b', 'c', '1']) : random.oneOf(singles)
}

function accepted(source: string): RegExp | undefined {
  try {
    return new RegExp(source, 'u')
  } catch {
    return undefined
  }
}

function compiled(pattern: string): UrlPattern | undefined {
  try {
    return UrlPattern.compile(pattern, base)
  } catch {
    return undefined
  }
}

function withPathname(pathname: string): UrlComponents {
  const others = { username: '', password: '', hostname: '', port: '', search: '', hash: '' }
  return { protocol: 'foo', pathname, ...others }
}
