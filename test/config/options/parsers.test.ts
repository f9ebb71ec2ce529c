import t from 'tap'
import {
  boolean,
  choice,
  count,
  duration,
  list,
  optional,
  type Parser,
  size,
} from '../../../src/config/options/parsers.ts'

function valuesOf<T>(parser: Parser<T>, ...texts: readonly string[]): readonly unknown[] {
  return texts.map((text) => {
    const parsed = parser(text)
    return parsed.expected ?? parsed.value
  })
}

const notDuration = 'a duration >= 0 such as "40s"'
const notSize = 'a size >= 0 such as "1MiB"'
const notCount = 'a count >= 0 such as "100000" or "1e5"'

t.test('durations are numbers with a unit, and only 0 needs none', async (t) => {
  const parser = duration({ ceiling: '30d' })

  t.strictSame(
    valuesOf(parser, '0', '0s', '500ms', '5s', '1m', '2h', '1d', '1m30s', '1h0m5s', '600s'),
    [0, 0, 500, 5000, 60_000, 7_200_000, 86_400_000, 90_000, 3_605_000, 600_000],
  )
  const wrong = ['', '5', 's', '-5s', '+5s', '1.5s', '4O s', '5 s', ' 5s', '5s ', '5S', '1_0s']
  t.strictSame(
    valuesOf(parser, ...wrong, '30s1m', '1e3s', 'Infinity', '٣s', '5s\n'),
    Array.from({ length: wrong.length + 5 }, () => notDuration),
  )
})

t.test('a duration may be as long as the ceiling, and not a millisecond longer', async (t) => {
  const parser = duration({ floor: '1s', ceiling: '1h' })

  t.strictSame(valuesOf(parser, '999ms', '1s', '1h', '60m', '60m1ms'), [
    'a duration >= 1s such as "40s"',
    1000,
    3_600_000,
    3_600_000,
    'a duration of at most 1h',
  ])
})

t.test('sizes are bytes, thousands or 1024s, as their unit says', async (t) => {
  const parser = size({ ceiling: '16TiB' })

  t.strictSame(
    valuesOf(
      parser,
      '0',
      '17',
      '1e6',
      '17B',
      '512KB',
      '1MB',
      '2GB',
      '1KiB',
      '1MiB',
      '1GiB',
      '1TiB',
    ),
    [0, 17, 1e6, 17, 512_000, 1e6, 2e9, 1024, 1_048_576, 1_073_741_824, 1_099_511_627_776],
  )
  const wrong = [
    '',
    'MiB',
    '1.5MiB',
    '1 MiB',
    '1mib',
    '1kB',
    '1M',
    '-1MiB',
    '1_000',
    '0x10',
    '1MiB ',
  ]
  t.strictSame(
    valuesOf(parser, ...wrong),
    wrong.map(() => notSize),
  )
})

t.test('a size may be as large as the ceiling, and not a byte larger', async (t) => {
  const parser = size({ floor: '1KiB', ceiling: '1MiB' })

  t.strictSame(valuesOf(parser, '1023', '1024', '1048576', '1048577'), [
    'a size >= 1KiB such as "1MiB"',
    1024,
    1_048_576,
    'a size of at most 1MiB',
  ])
})

t.test('counts are digits, or digits with an exponent, and nothing else', async (t) => {
  const parser = count({ ceiling: '1e7' })

  t.strictSame(
    valuesOf(parser, '0', '1', '100000', '1e5', '15e4', '0e9'),
    [0, 1, 1e5, 1e5, 15e4, 0],
  )
  const wrong = [
    '',
    '-1',
    '+1',
    '1.0',
    '1_000',
    '1,000',
    ' 1',
    '1 ',
    '1E5',
    '1e+5',
    '1e-5',
    '1.5e5',
  ]
  const stranger = ['Infinity', 'NaN', '0x10', '007', '1e', 'e5', '١', '1n', '1\n', 'null', 'true']
  t.strictSame(
    valuesOf(parser, ...wrong, ...stranger),
    [...wrong, ...stranger].map(() => notCount),
  )
})

t.test('a count may be the ceiling, and not one more', async (t) => {
  const parser = count({ floor: '1', ceiling: '1e7' })
  const beyond = 'a count of at most 1e7'

  t.strictSame(
    valuesOf(parser, '0', '1', '10000000', '1e7', '10000001', '7e8', '1e400', '9'.repeat(400)),
    ['a count >= 1 such as "100000" or "1e5"', 1, 1e7, 1e7, beyond, beyond, beyond, beyond],
  )
})

t.test('a range that is no range is a mistake of ours', async (t) => {
  t.throws(() => count({ ceiling: 'many' }), { message: 'no range of a count' })
})

t.test('switches are 1 and 0, or true and false', async (t) => {
  t.strictSame(valuesOf(boolean, '1', 'true', '0', 'false', 'yes', 'TRUE', 'on', ''), [
    true,
    true,
    false,
    false,
    '1 or 0',
    '1 or 0',
    '1 or 0',
    '1 or 0',
  ])
})

t.test('a choice is one of its words, in their letter case', async (t) => {
  const parser = choice('json', 'pretty')

  t.strictSame(valuesOf(parser, 'json', 'pretty', 'JSON'), [
    'json',
    'pretty',
    'one of json, pretty (did you mean json?)',
  ])
})

t.test(
  'lists are separated by blanks, line ends or commas, and name all entries that are wrong',
  async (t) => {
    const parser = list(count({ ceiling: '9' }))

    t.strictSame(parser('1 2,3,  4\n5\t6,'), { value: [1, 2, 3, 4, 5, 6] })
    t.strictSame(parser(' , '), { value: [] })
    t.strictSame(parser('1 x 10'), {
      got: 'x',
      expected: notCount,
      more: [{ got: '10', expected: 'a count of at most 9' }],
    })
  },
)

t.test('an optional value may be empty', async (t) => {
  t.strictSame(valuesOf(optional(boolean), '', '1', 'x'), [undefined, true, '1 or 0'])
})
