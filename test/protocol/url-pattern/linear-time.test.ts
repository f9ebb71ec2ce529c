import t from 'tap'
import { parseComponents } from '../../../src/protocol/url-pattern/url-components.ts'
import { UrlPattern } from '../../../src/protocol/url-pattern/url-pattern.ts'
import { evil, hardToCompile } from './evil.ts'

/**
 * Bounds are twenty times and more what bench/micro/pattern-dos.ts measures, for slow machines; it is the
 * processor's time, because a busy machine lets everybody wait.
 * A backtracking engine needs 33 s for the first pattern and the age of the universe for most others.
 */
const boundMs = 250
const cpuMs = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}
const base = 'https://hub.example/.well-known/mercure'

for (const { name, pattern, topic } of evil) {
  t.test(`${name}: one topic takes less than ${boundMs} ms`, (t) => {
    const components = parseComponents(topic, base)
    const compiled = UrlPattern.compile(pattern, base)

    const start = cpuMs()
    const matches = components !== undefined && compiled.test(components)
    const elapsedMs = cpuMs() - start

    t.type(matches, 'boolean')
    t.ok(elapsedMs < boundMs, `${elapsedMs.toFixed(1)} ms`)
    t.end()
  })
}

for (const [name, pattern] of Object.entries(hardToCompile)) {
  t.test(`${name}: compiled or refused in less than ${boundMs} ms`, (t) => {
    const start = cpuMs()
    const code = codeOf(pattern)
    const elapsedMs = cpuMs() - start

    t.match(code, /^(compiled|invalid_matcher)$/)
    t.ok(elapsedMs < boundMs, `${elapsedMs.toFixed(1)} ms`)
    t.end()
  })
}

t.test('twice the topic takes no more than a few times as long', (t) => {
  const pattern = UrlPattern.compile(`/((?:a|ab|b${'|c?'.repeat(50)})*x)`, base)
  const times = [2, 4, 8, 16].map((factor) => timeOf(pattern, `/${'ab'.repeat(1000 * factor)}`))
  const [first = 0, , , last = 0] = times

  // Eight times the length; the square of that would be 64.
  t.ok(last < first * 32, `${times.map((ms) => ms.toFixed(2)).join(', ')} ms`)
  t.end()
})

function timeOf(pattern: UrlPattern, topic: string): number {
  const components = parseComponents(topic, base)
  const runs = Array.from({ length: 5 }, () => {
    const start = cpuMs()
    if (components !== undefined) pattern.test(components)
    return cpuMs() - start
  })
  return Math.min(...runs)
}

function codeOf(pattern: string): unknown {
  try {
    UrlPattern.compile(pattern, base)
    return 'compiled'
  } catch (error) {
    return (error as { code?: unknown }).code
  }
}
