import t from 'tap'
import { wwwAuthenticate } from '../../src/auth/challenge.ts'
import { type ErrorCode, errors } from '../../src/protocol/errors.ts'

const metadata = 'https://hub.example/.well-known/oauth-protected-resource/.well-known/mercure'

t.test('behaviour 106: who presented no token is told where to learn more, and no error', (t) => {
  t.equal(wwwAuthenticate('missing_token', metadata), `Bearer resource_metadata="${metadata}"`)
  t.end()
})

t.test('behaviour 107: the error code follows the refusal', (t) => {
  const expected = {
    invalid_token: `Bearer error="invalid_token", resource_metadata="${metadata}"`,
    insufficient_scope: `Bearer error="insufficient_scope", resource_metadata="${metadata}"`,
    invalid_credentials: `Bearer error="invalid_request", resource_metadata="${metadata}"`,
  }

  t.equal(wwwAuthenticate('invalid_token', metadata), expected.invalid_token)
  t.equal(wwwAuthenticate('insufficient_scope', metadata), expected.insufficient_scope)
  t.equal(wwwAuthenticate('invalid_credentials', metadata), expected.invalid_credentials)
  t.end()
})

t.test('a hub that cannot say who it is leaves the metadata out', (t) => {
  t.equal(wwwAuthenticate('missing_token', undefined), 'Bearer')
  t.equal(wwwAuthenticate('invalid_token', undefined), 'Bearer error="invalid_token"')
  t.end()
})

t.test('refusals that are not about credentials carry no challenge', (t) => {
  const challenged: ErrorCode[] = [
    'missing_token',
    'invalid_token',
    'invalid_credentials',
    'insufficient_scope',
  ]

  for (const code of Object.keys(errors) as ErrorCode[])
    t.equal(wwwAuthenticate(code, metadata) !== undefined, challenged.includes(code), code)
  t.end()
})

t.test('a URL cannot break out of its quotes', (t) => {
  t.equal(
    wwwAuthenticate('missing_token', 'https://h/"\\'),
    'Bearer resource_metadata="https://h/\\"\\\\"',
  )
  t.end()
})
