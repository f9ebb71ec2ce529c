import t from 'tap'
import { serveHelp } from '../../src/config/help.ts'
import { worstCaseMemory } from '../../src/config/worst-case-memory.ts'
import { didYouMean } from '../../src/config/sources/did-you-mean.ts'
import { flagOf, optionNames, options, variableOf } from '../../src/config/options/table.ts'
import { load, minimal } from './sources.ts'

t.test('the help tells flag, variable, default and sentence of every option', async (t) => {
  const help = serveHelp()

  for (const name of optionNames) {
    const entry = `\n  ${flagOf(name)} (${variableOf(name)})\n      ${options[name].meaning}\n`
    t.ok(help.includes(entry), name)
  }
  t.match(help, '\n      duration; default 600s; at most 24d\n')
  t.match(help, '\n      count of entries; default 100000; at most 1e7\n')
  t.match(help, '\n  --yes-expose\n')
})

t.test('every default keeps its own rule', async (t) => {
  for (const name of optionNames)
    t.equal(options[name].parse(options[name].default).expected, undefined, name)
})

t.test('the worst case is what the bounds multiply to', async (t) => {
  const argv = [
    '--transport-url=memory:',
    '--history-max-bytes=64MiB',
    '--max-subscribers=1e4',
    '--subscriber-buffer=512KB',
    '--topic-matcher-cache=1000',
  ]

  t.strictSame(worstCaseMemory(load({ argv, env: minimal }).settings), [
    { what: 'buffers of 10000 subscribers', bytes: 5_120_000_000 },
    { what: '1000 match results', bytes: 112_000 + 8_192_000 },
    { what: 'history', bytes: 67_108_864 },
  ])
})

t.test('without a limit of subscribers the buffer is told per subscriber', async (t) => {
  t.strictSame(worstCaseMemory(load({ env: minimal }).settings), [
    { what: 'buffer of each subscriber (max_subscribers is 0, no limit)', bytes: 1_048_576 },
    { what: '100000 match results', bytes: 11_200_000 + 67_108_864 },
    { what: 'history at hand', bytes: 33_554_432 },
  ])
})

t.test('only a name that is close is suggested', async (t) => {
  const names = ['heartbeat', 'host', 'port']

  t.strictSame(
    ['hartbeat', 'haertbeat', 'heartbeats', 'prot', 'hots', 'colour', '', 'hearing'].map((word) =>
      didYouMean(word, names),
    ),
    [
      ' (did you mean heartbeat?)',
      ' (did you mean heartbeat?)',
      ' (did you mean heartbeat?)',
      ' (did you mean port?)',
      ' (did you mean host?)',
      '',
      '',
      '',
    ],
  )
})
