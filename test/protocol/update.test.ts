import t from 'tap'
import { HubError } from '../../src/protocol/errors.ts'
import { isReserved } from '../../src/protocol/reserved.ts'
import {
  encodeCursorLine,
  encodeHubEvent,
  encodeUpdate,
  frameBytesAtMost,
} from '../../src/protocol/sse.ts'
import { formatPosition, parseCursor } from '../../src/protocol/cursor.ts'
import { parseRetry, type UpdateDraft, validateUpdate } from '../../src/protocol/update.ts'

const hubUrl = 'https://hub.example/.well-known/mercure'
const draft: UpdateDraft = { topics: ['urn:a'], data: '', isPrivate: false, type: '', retry: '' }

/** The code of the refusal; undefined when the update is fine. */
function refusal(more: Partial<UpdateDraft>): string | undefined {
  try {
    validateUpdate({ ...draft, ...more }, hubUrl)
    return undefined
  } catch (error) {
    if (error instanceof HubError && error.message.length > 10) return error.code
    throw error
  }
}

t.test('behaviour 64: what an update may be', async (t) => {
  const bad: [name: string, more: Partial<UpdateDraft>][] = [
    ['no topic', { topics: [] }],
    ['an empty topic', { topics: [''] }],
    ['reserved, absolute', { topics: ['https://e.com/.well-known/mercure/x'] }],
    ['reserved, relative', { topics: ['/.well-known/mercure/x'] }],
    ['reserved, exact', { topics: ['/.well-known/mercure'] }],
    ['reserved, percent-encoded', { topics: ['https://e.com/.well-known/%6Dercure'] }],
    ['reserved, backslashes', { topics: ['https://e.com\\.well-known\\mercure\\x'] }],
    ['an alternate that is reserved', { topics: ['urn:a', 'mercure'] }],
    ['the topic *', { topics: ['*'] }],
    ['a topic with NUL', { topics: ['a\0'] }],
    ['a topic with LF', { topics: ['a\n'] }],
    ['a topic with a formatting character', { topics: ['a\u202eb'] }],
    ['an id that begins with #', { id: '#x' }],
    ['the id earliest', { id: 'earliest' }],
    ['an id with CR', { id: 'a\r' }],
    ['an id with LF', { id: 'a\n' }],
    ['an id with NUL', { id: 'a\0' }],
    ['a type with LF', { type: 'a\nb' }],
    ['the type mercure', { type: 'mercure' }],
  ]
  for (const [name, more] of bad) t.equal(refusal(more), 'invalid_update', name)
  for (const topic of [
    'https://e.com/.well-known/mercure-dashboard',
    'https://e.com/foo/.well-known/mercure/x',
    'urn:example:mercure',
    'Mercure',
    'a b',
    'http://[nope',
  ])
    t.equal(refusal({ topics: [topic] }), undefined, topic)
  for (const more of [{ id: 'Earliest' }, { id: 'a#b' }, { type: 'Mercure' }, { type: 'a:b' }])
    t.equal(refusal(more), undefined, JSON.stringify(more))
})

t.test('limits are counted in bytes, at the limit and one beyond', async (t) => {
  const topics = (count: number) => Array.from({ length: count }, (_, i) => `urn:${i}`)

  t.equal(refusal({ topics: topics(1000) }), undefined)
  t.equal(refusal({ topics: topics(1001) }), 'too_large')
  t.equal(refusal({ topics: ['é'.repeat(2048)] }), undefined)
  t.equal(refusal({ topics: [`${'é'.repeat(2048)}x`] }), 'too_large')
})

t.test('behaviour 70: the reserved namespace, however it is spelled', async (t) => {
  const reserved = [
    '/.well-known/mercure',
    '/.well-known/mercure/',
    '/.well-known/mercure/subscriptions',
    '/.well-known/mercure?x',
    '/.well-known/mercure#x',
    '/a/../.well-known/./mercure/x',
    '/x/%2e%2e/.well-known/mercure/x',
    '//h/.well-known/mercure',
    '\\.well-known\\mercure\\x',
    'mercure',
    'mercure/x',
    './mercure',
    '?a',
    '#a',
    '',
    'foo:/.well-known/mercure/x',
    'ht\ntps://e.com/.well\n-known/mercure',
    'HTTPS://E.COM/.well-known/mercure',
  ]
  const free = [
    'subscriptions/foo',
    '../mercure/x',
    '/.well-known/mercure%2Fx',
    '/.WELL-KNOWN/MERCURE/x',
    'https://e.com/?/.well-known/mercure/',
    'https://e.com/#/.well-known/mercure/',
    'https://e.com/.well-known/mercur%25',
    'http://[bad/.well-known/mercure/x',
    'xmercure',
  ]
  for (const topic of reserved) t.ok(isReserved(topic, hubUrl), JSON.stringify(topic))
  for (const topic of free) t.notOk(isReserved(topic, hubUrl), JSON.stringify(topic))
})

t.test('behaviour 71: only escapes of unreserved characters are decoded', async (t) => {
  t.ok(isReserved('https://e.com/%2Ewell%2Dknown/%6d%65rcure', hubUrl))
  t.notOk(isReserved('https://e.com/.well-known%2Fmercure', hubUrl))
  t.notOk(isReserved('https://e.com/.well-known/mercur%6', hubUrl), 'truncated')
  t.notOk(isReserved('https://e.com/.well-known/%zzmercure', hubUrl), 'invalid')
  t.notOk(isReserved('https://e.com/.well-known/%256Dercure', hubUrl), 'decoded once')
})

t.test('behaviour 72: an update as an event, with and without type and retry', async (t) => {
  const update = { ...draft, id: 'i', type: '', retry: '' }

  t.equal(encodeUpdate(update).toString(), 'data: \nid: i\n\n')
  t.equal(
    encodeUpdate({ ...update, type: 't', retry: '5', data: 'a\r\nb\rc\n' }).toString(),
    'event: t\nretry: 5\ndata: a\ndata: b\ndata: c\ndata: \nid: i\n\n',
  )
  t.equal(
    encodeHubEvent({ type: 'gap', n: 1 }).toString(),
    'event: mercure\ndata: {"type":"gap","n":1}\n\n',
  )
  t.equal(encodeCursorLine('#a.1'), 'id: #a.1\n\n')
})

t.test('the bound of a frame is never less than the frame', async (t) => {
  for (const data of [
    '',
    '\n'.repeat(1000),
    '\r\n'.repeat(500),
    'é\n€\r🚲'.repeat(99),
    'x'.repeat(999),
  ])
    for (const text of ['', 'é'.repeat(50), '🚲'.repeat(50)]) {
      const update = { ...draft, id: text, type: text, retry: '18446744073709551615', data }
      t.ok(frameBytesAtMost(update) >= encodeUpdate(update).length)
    }
})

t.test('retry is digits that fit in 64 bits, without leading zeros', async (t) => {
  t.strictSame(['', '0', '00', '007', '18446744073709551615'].map(parseRetry), [
    '',
    '',
    '',
    '7',
    '18446744073709551615',
  ])
  for (const retry of ['-1', '1.5', '５', '18446744073709551616', '9'.repeat(1e6)])
    t.throws(() => parseRetry(retry), { code: 'invalid_update', message: /number of milliseconds/ })
})

t.test('cursor lines are read back; everything else is an id', async (t) => {
  const epoch = '0123456789ab'

  t.strictSame(parseCursor('earliest'), { kind: 'earliest' })
  t.strictSame(parseCursor(formatPosition(epoch, 2 ** 48)), {
    kind: 'position',
    epoch,
    position: 2 ** 48,
  })
  for (const id of [
    '',
    'Earliest',
    '#',
    '#x',
    '#A.1',
    `#${epoch}.`,
    `#${epoch}.-1`,
    `x#${epoch}.1`,
    `#${epoch}.1\n`,
  ])
    t.strictSame(parseCursor(id), { kind: 'id', id })
})
