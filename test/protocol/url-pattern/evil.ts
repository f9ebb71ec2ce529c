/** Patterns of at most 4096 bytes, each with the topic that costs it the most. */
export interface Evil {
  readonly name: string
  readonly pattern: string
  readonly topic: string
}

export const evil: readonly Evil[] = [
  of('eight wildcards', `${'/*'.repeat(8)}/x`, '/a'.repeat(60)),
  of('160 wildcards', `${'/*'.repeat(160)}/x`, '/a'.repeat(2000)),
  of('nested repetition', '/((?:(?:a+)+)+b)', `/${'a'.repeat(4000)}`),
  of('165 nested loops', `/(${'(?:'.repeat(165)}a${')*'.repeat(165)}b)`, `/${'a'.repeat(4000)}`),
  of('249 alternatives', `/((?:${alternatives(249)})*b)`, `/${'ab'.repeat(2000)}`),
  of('440 optional segments', `/${optionalSegments(440)}(b)`, `/${'a'.repeat(4000)}`),
  of('1300 groups behind a wildcard', `/*a${'(.)'.repeat(1300)}`, `/${'ab'.repeat(2000)}a`),
  of('3000 of anything', '/(.*a(?:.?){490}.{3000}b)', `/${'ab'.repeat(2000)}`),
  of('counted 4500 times', '/(.*a.{4490}b)', `/${'a'.repeat(4090)}`),
  of('text that repeats itself', `/:x${'-a'.repeat(1900)}b*`, `/x${'-a'.repeat(2000)}`),
  of('assertions', `/(${'(?:\\b|\\B|^|a)+'.repeat(40)}b)`, `/${'a'.repeat(4000)}`),
]

/** Strings that are hard to compile, or hard to refuse. */
export const hardToCompile: Readonly<Record<string, string>> = {
  'a million instructions': '/((?:a{999}){999})',
  'doubling, sixty times': `/(${'(?:'.repeat(60)}a${'){2}'.repeat(60)})`,
  'nothing, sextillion times': `/(${'(?:'.repeat(500)}${'){9}'.repeat(500)})`,
  'a large number': '/(a{99999999999999999999})',
  '1000 nested groups': `/(${'(?:'.repeat(1000)}a${')'.repeat(1000)})`,
  '2000 nested classes': `/(${'['.repeat(2000)}a${']'.repeat(2000)})`,
  '600 nested alternatives': `/(${'(?:'.repeat(600)}a${'|b)'.repeat(600)})`,
  '480 nested options': `/(${'(?:'.repeat(480)}a${')?'.repeat(480)})`,
  '800 properties': `/(${'\\p{L}'.repeat(800)})`,
  '800 classes': `/(${classes(800)})`,
  '2000 wildcards': '/*'.repeat(2000),
  'open braces': '{'.repeat(4096),
  'open groups': '('.repeat(4096),
  'open groups inside': `(a${'(?:'.repeat(1364)}`,
  backslashes: '\\'.repeat(4095),
  colons: ':'.repeat(4096),
  names: Array.from({ length: 700 }, (_, index) => `:n${index}`)
    .join('/')
    .slice(0, 4096),
  'international names': `https://${'{é}'.repeat(1000)}/`,
  'optional texts': `https://a.example/${'{é}?'.repeat(800)}`,
}

function of(name: string, pattern: string, topic: string): Evil {
  return { name, pattern, topic }
}

function alternatives(count: number): string {
  return Array.from({ length: count }, () => 'ab').join('|')
}

function optionalSegments(count: number): string {
  return Array.from({ length: count }, (_, index) => `{:n${index}}?`).join('')
}

function classes(count: number): string {
  return Array.from(
    { length: count },
    (_, index) => `[${String.fromCharCode(97 + (index % 26))}${index % 10}]`,
  )
    .join('')
    .slice(0, 4000)
}
