import t from 'tap'
import { URLPattern } from 'urlpattern-polyfill'
import { parseComponents } from '../../../src/protocol/url-pattern/url-components.ts'
import { UrlPattern } from '../../../src/protocol/url-pattern/url-pattern.ts'
import { Random } from './random.ts'

const base = 'https://hub.example/.well-known/mercure'
const origins = ['https://a.example', 'http{s}?://a.example', '*://*.example', 'https://:x.example']
const words = ['a', 'foo', '-', '1', 'é', 'A', '%41', '~', '@', ' ']
const pieces = [':a', ':b', '*', '(\\d+)', '(a|b)', '{x}', '{:c}', '{-:e}', ':n(\\w+)', '(.*)']
const modifiers = ['', '', '', '?', '*', '+']

/**
 * A comparison with the polyfill of the standard, on what it does right. Left out is where it
 * deviates: empty segments, percent-encoded hosts, ports with a leading zero, the default port of
 * `wss:`, opaque paths, and everything that is exponential.
 */
t.test('random patterns match what the polyfill matches', (t) => {
  const seed = 8_086
  const random = new Random(seed)
  let matches = 0
  for (let round = 0; round < 2000; round++) {
    const pattern = randomPattern(random)
    const theirs = attempt(() => new URLPattern(pattern, base))
    const own = attempt(() => UrlPattern.compile(pattern, base))
    if ((theirs === undefined) !== (own === undefined))
      t.fail(`seed ${seed}: only one refuses ${pattern}`)
    for (let times = 0; times < 6; times++) {
      const topic = randomTopic(random, pattern)
      const components = parseComponents(topic, base)
      if (own === undefined || components === undefined) continue
      if (components.pathname.includes('//')) continue
      const expected = theirs?.test(topic, base)
      if (expected === true) matches++
      if (own.test(components) !== expected)
        t.fail(`seed ${seed}: ${pattern} against ${topic}, expected ${expected}`)
    }
  }

  t.ok(matches > 1000, `${matches} matches`)
  t.end()
})

function randomPattern(random: Random): string {
  const word = (): string =>
    random.below(3) === 0 ? random.oneOf(pieces) + random.oneOf(modifiers) : random.oneOf(words)
  const segments = random.joined(3, () => `/${word()}${random.joined(1, word)}`)
  const search = random.below(4) === 0 ? `?q=${word()}` : ''
  const origin = random.below(2) === 0 ? random.oneOf(origins) : ''
  return `${origin}${segments === '' ? '/x' : segments}${search}`
}

/** A URL that has good chances to match: the pattern with something in the place of its groups. */
function randomTopic(random: Random, pattern: string): string {
  const filling = (): string => random.oneOf(['a', 'b', '12', 'foo', 'x-y'])
  return pattern
    .replace('http{s}?', random.oneOf(['http', 'https']))
    .replace('*://', 'https://')
    .replace(/:n\(\\w\+\)[?*+]?|\([^)]*\)[?*+]?/g, filling)
    .replace(/\{([^}]*)\}[?*+]?/g, random.oneOf(['$1', '']))
    .replace(/:[a-z](?![a-z])[?*+]?|\*[?*+]?/g, filling)
}

function attempt<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch {
    return undefined
  }
}
