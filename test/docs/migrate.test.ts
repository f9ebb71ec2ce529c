import { readFileSync } from 'node:fs'
import t from 'tap'
import { optionNames, variableOf } from '../../src/config/options/table.ts'
import { compileSelector } from '../../src/protocol/legacy/selector.ts'
import { compileMatcher } from '../../src/protocol/matcher.ts'
import { Topic } from '../../src/protocol/topic.ts'

const text = readFileSync(new URL('../../docs/migrate.md', import.meta.url), 'utf8')

/** What belongs to the application. */
const applications = 'URL PUBLIC_URL PUBLISH_URL JWT_SECRET JWT_TOKEN'
  .split(' ')
  .map((name) => `MERCURE_${name}`)

/** Everything that the Go hub reads: directives, sub-directives and variables, those of its older versions too. */
const theirs = [
  'name anonymous subscriptions debugger playground ui demo write_timeout dispatch_timeout heartbeat',
  'max_request_body_size issuer publisher subscriber jwt jwks_uri authorization_server',
  'resource_identifier public_urls allowed_hosts cookie_name cors_origins publish_origins',
  'topic_matcher_cache topic_selector_cache subscriber_list_cache_size protocol_version_compatibility',
  'transport transport_url bolt path bucket_name size cleanup_frequency local',
  'publisher_jwt subscriber_jwt publisher_jwks_url subscriber_jwks_url',
  'SERVER_NAME MERCURE_TRUSTED_ISSUERS MERCURE_PUBLISHER_JWT_KEY MERCURE_SUBSCRIBER_JWT_KEY',
  'MERCURE_EXTRA_DIRECTIVES CADDY_EXTRA_CONFIG CADDY_SERVER_EXTRA_DIRECTIVES GLOBAL_OPTIONS',
  'MERCURE_TRANSPORT_URL MERCURE_LICENSE',
].flatMap((line) => line.split(' '))

t.test('whatever the Go hub reads has its row', async (t) => {
  const cells = text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) => line.split('|')[1] ?? '')
    .join(' ')

  t.strictSame(
    theirs.filter((word) => !new RegExp(`(?<![\\w])${word}(?![\\w])`).test(cells)),
    [],
  )
})

t.test('every variable that stands for one of theirs exists', async (t) => {
  const ours = new Set(optionNames.map(variableOf))
  const known = [...theirs, ...applications]
  const named = text.match(/\bMERCURE_[A-Z_]*[A-Z]\b/g) ?? []

  t.strictSame(
    named.filter((name) => !ours.has(name) && !known.includes(name)),
    [],
  )
})

t.test('a selector and the matcher to take instead select the same', async (t) => {
  const pairs = [...text.matchAll(/^\| `topic=([^`]+)` +\| `match(_urlpattern)?=([^`]+)`/gm)]
  const topics = ['books/1', 'books/2', 'books/1/2', 'authors/1', 'a/b?c=d'].map(
    (path) => new Topic(`https://example.com/${path}`),
  )

  t.equal(pairs.length, 4)
  for (const [, selector = '', pattern, matcher = ''] of pairs) {
    const old = compileSelector(selector)
    const type = pattern === undefined ? 'exact' : 'urlpattern'
    const modern = compileMatcher(type, matcher, 'https://hub.example/.well-known/mercure')
    const selected = topics.filter((topic) => old.matches(topic)).map(({ value }) => value)
    t.ok(selected.length > 0, selector)
    t.strictSame(
      topics.filter((topic) => modern.matches(topic)).map(({ value }) => value),
      selected,
      selector,
    )
  }
})
