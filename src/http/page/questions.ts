import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Presented, Role } from '../../auth/authenticator.ts'
import { type AskedMatcher, compile, explain, type Question } from '../../auth/explain.ts'
import { isObject, type JsonObject } from '../../auth/json-object.ts'
import type { Entry } from '../../log/log.ts'
import { HubError } from '../../protocol/errors.ts'
import type { Grants } from '../../protocol/grants.ts'
import { Topic } from '../../protocol/topic.ts'
import type { PageHub } from './page.ts'

/** Bytes that a question may have. */
const maxBytes = 64 * 1024
/** Topics, matchers or ids of one question. */
const maxItems = 100
/** Questions that are answered at once; one about events may read the history a hundred times. */
const mostAtOnce = 16

interface Context extends PageHub {
  readonly presentedAs: (request: FastifyRequest, role: Role) => Presented
}

/**
 * What the page asks the hub, each a POST with JSON, the token in its `Authorization` field alone:
 *
 * - `match`: whether matchers select a topic, by the hub's own matcher;
 * - `explain`: what `cinnabar explain` says, for a publisher and for a subscriber;
 * - `events`: what does not stand on the wire of updates (topics, time, private mark), for those that the
 *   asker may receive. An update that is not kept and one that is not granted look the same.
 */
export function answerQuestions(app: FastifyInstance, folder: string, context: Context): void {
  let underWay = 0
  const route = (name: string, answer: (request: FastifyRequest, asked: JsonObject) => unknown) =>
    app.post(
      folder + name,
      { bodyLimit: maxBytes, onRequest: isQuestion },
      async (request, reply) => {
        void reply.header('cache-control', 'no-store')
        const asked = objectOf(request.body)
        if (underWay >= mostAtOnce)
          throw new HubError('unavailable', 'the hub answers as many questions as it does at once')
        underWay++
        try {
          return await answer(request, asked)
        } finally {
          underWay--
        }
      },
    )
  route('match', (request, asked) => match(asked, context.urls.resolve(request.raw).hubUrl))
  route('explain', (request, asked) => explainBoth(context, request, questionOf(asked)))
  route('events', (request, asked) => events(context, request, textsOf(asked, 'ids')))
}

/** A page of another origin cannot send JSON without asking first, and gets no answer to that. */
function isQuestion(request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void) {
  if (Number(request.headers['content-length'] ?? 0) > maxBytes)
    return done(new HubError('too_large', `a question has at most ${maxBytes} bytes`))
  const isJson = /^application\/json *(?:;|$)/i.test(request.headers['content-type'] ?? '')
  const text = 'expected a body of type application/json'
  done(isJson ? undefined : new HubError('unsupported_media_type', text))
}

function match(asked: JsonObject, hubUrl: string): object {
  const { topic } = asked
  if (typeof topic !== 'string') throw wrong('topic', 'a string')
  const parsed = new Topic(topic)
  const results = matchersOf(asked).map((one) => {
    const { matcher, problem } = compile(one, hubUrl)
    return matcher === undefined ? { problem } : { matches: matcher.matches(parsed) }
  })
  return { results }
}

async function explainBoth(
  { authenticator, presentedAs }: Context,
  request: FastifyRequest,
  question: Question,
): Promise<object> {
  const asked = (role: Role) => explain(authenticator, presentedAs(request, role), question)
  return { publisher: await asked('publisher'), subscriber: await asked('subscriber') }
}

async function events(
  { hub, authenticator, presentedAs }: Context,
  request: FastifyRequest,
  ids: readonly string[],
): Promise<object> {
  const { grants } = await authenticator.authenticate(presentedAs(request, 'subscriber'))
  const found: object[] = []
  for (const id of ids) {
    const entry = await hub.find(id)
    if (entry !== undefined && isFor(grants, entry)) found.push(aboutEntry(entry))
  }
  return { events: found }
}

function isFor(grants: Grants, { update: { isPrivate, topics } }: Entry): boolean {
  return !isPrivate || grants.mayReceive(topics.map((topic) => new Topic(topic)))
}

function aboutEntry({ timeMs, update: { id, topics, isPrivate } }: Entry): object {
  return { id, topics, isPrivate, sentMs: timeMs }
}

function questionOf(asked: JsonObject): Question {
  const { isPrivate = false } = asked
  if (typeof isPrivate !== 'boolean') throw wrong('isPrivate', 'true or false')
  return { topics: textsOf(asked, 'topics'), matchers: matchersOf(asked), isPrivate }
}

function objectOf(body: unknown): JsonObject {
  if (isObject(body)) return body
  throw new HubError('invalid_request', 'expected a JSON object')
}

function textsOf(asked: JsonObject, name: string): readonly string[] {
  const list = listOf(asked, name)
  if (list.every((text) => typeof text === 'string')) return list
  throw wrong(name, 'a list of strings')
}

function matchersOf(asked: JsonObject): readonly AskedMatcher[] {
  return listOf(asked, 'matchers').map((matcher) => {
    const { type, pattern } = isObject(matcher) ? matcher : {}
    if (typeof pattern === 'string' && isKind(type)) return { type, pattern }
    throw wrong('matchers', 'a list of objects with type (exact, urlpattern, selector) and pattern')
  })
}

function isKind(type: unknown): type is AskedMatcher['type'] {
  return type === 'exact' || type === 'urlpattern' || type === 'selector'
}

function listOf(asked: JsonObject, name: string): readonly unknown[] {
  const list = asked[name] ?? []
  if (Array.isArray(list) && list.length <= maxItems) return list
  throw wrong(name, `a list of at most ${maxItems}`)
}

function wrong(name: string, expected: string): HubError {
  return new HubError('invalid_request', `${name}: expected ${expected}`)
}
