import { Session } from 'node:inspector/promises'
import t from 'tap'
import { compileSelector } from '../../../src/protocol/legacy/selector.ts'
import { Topic } from '../../../src/protocol/topic.ts'

/** Templates in which many variables could take the same characters: what makes a backtracking matcher explode. */
const templates: Readonly<Record<string, string>> = {
  'neighbours that take the same': '/{+a}{+b}{+c}{+d}{+e}{+f}',
  'runs with a common letter between': `/${'{+a}a'.repeat(30)}{b}`,
  'lists within lists': `${'{/a*}'.repeat(30)}{b}`,
  'counted lists': `{/${'a,'.repeat(200)}a}{b}`,
  'names and values': `/{?a*}${'{&b*}'.repeat(20)}{c}`,
  'every operator': '{/i*}{a}{+b}{#c}{.d}{/e}{;f}{?g}{&h}{&j*}{k}',
  'letters that end like escapes': `/${'{a}41{+b}%41'.repeat(20)}{c}`,
}
const units = ['a', '/a', '%41', '41%41']
/** Nothing takes it but a text that spells it, so that the answer is no, and known at the end only. */
const never = '"'

const session = new Session()
session.connect()
t.before(async () => {
  await session.post('Profiler.enable')
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
})
t.teardown(() => session.disconnect())

/** How often the blocks of the protocol's code ran: steps that no slow machine changes. */
async function stepsOf(work: () => void): Promise<number> {
  await session.post('Profiler.takePreciseCoverage') // counts start anew
  work()
  const { result } = await session.post('Profiler.takePreciseCoverage')
  return result
    .filter(({ url }) => url.includes('/src/protocol/'))
    .flatMap(({ functions }) => functions)
    .flatMap(({ ranges }) => ranges)
    .reduce((sum, { count }) => sum + count, 0)
}

/** Steps for a tenth and for the whole of what is allowed, once tables are made. */
async function growthOf(work: (size: number) => () => void): Promise<[number, number]> {
  work(4_000)()
  return [await stepsOf(work(400)), await stepsOf(work(4_000))]
}

t.test('ten times the topic takes ten times the steps, whatever the template', async (t) => {
  for (const [name, template] of Object.entries(templates)) {
    const selector = compileSelector(template)
    for (const unit of units) {
      const [less, more] = await growthOf((size) => {
        const topic = new Topic(`/${unit.repeat(size / unit.length)}${never}`)
        return () => void selector.matches(topic)
      })
      t.ok(more <= 12 * less, `${name}, ${unit}: ${less} and ${more} steps`)
    }
  }
  t.ok((await stepsOf(() => void compileSelector('{+a}a{+b}').matches(new Topic('/aa')))) > 20)
})

t.test('ten times the template takes ten times the steps to match, or is refused', async (t) => {
  const topic = new Topic(`/${'x/;a=,'.repeat(50)}${never}`)
  for (const unit of ['{a}x', '{+a}x', '{/a*}', '{;a}x', '{a,b}']) {
    const [less, more] = await growthOf((size) => {
      const count = Math.ceil(size / 40)
      const selector = compileSelector(`/{+x}${unit.repeat(count)}{+y}`)
      return () => void selector.matches(topic)
    })
    t.ok(more <= 12 * less, `${unit}: ${less} and ${more} steps`)
  }
})

t.test('ten times the template takes ten times the steps to compile or refuse', async (t) => {
  for (const unit of ['{a}', '{+a}a', '{/a*}', '{a', '%41', '{a,b,c}', '}']) {
    const [less, more] = await growthOf((size) => () => {
      try {
        compileSelector(`{x}${unit.repeat(Math.floor(size / unit.length))}`)
      } catch (error) {
        if ((error as { code?: string }).code !== 'invalid_matcher') throw error
      }
    })
    t.ok(more <= 12 * less, `${unit}: ${less} and ${more} steps`)
  }
})
