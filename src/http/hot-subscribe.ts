import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Identity } from '../auth/authenticator.ts'
import type { Matcher } from '../protocol/matcher.ts'
import { hubPath } from '../protocol/reserved.ts'
import { Cors } from './request/cors.ts'
import { asHubError } from './errors.ts'
import { parseForm } from './request/form.ts'
import type { HubUrlResolver } from './request/hub-urls.ts'
import { cursorParameters } from './request/legacy.ts'
import { parseMatchers } from './subscribe/matchers.ts'
import { maySubscribe, type PluginOptions, securityHeaders } from './plugin.ts'
import { presentedBy } from './request/credentials.ts'
import { open, streamHeaders, takeOver } from './subscribe/subscribe.ts'
import { harmless, isUsual } from './usual.ts'
import type { Head } from './connection/wire.ts'

const start = `${hubPath}?`

/** Fields that change nothing about a stream, or that are read here. With any other one the framework takes it. */
const fields: ReadonlySet<string> = new Set([
  ...harmless,
  'cache-control',
  'cookie',
  'dnt',
  'origin',
  'pragma',
  'priority',
  'referer',
  'sec-ch-ua',
  'sec-ch-ua-mobile',
  'sec-ch-ua-platform',
  'sec-fetch-dest',
  'sec-fetch-mode',
  'sec-fetch-site',
  'sec-gpc',
])

/** With any of these a query is left to the framework: they ask for history, or in words of protocol 0.x. */
const unusual = ['last_event_id', ...cursorParameters, 'topic', 'authorization']

/** Queries that are remembered with what they ask for, and the longest of them, in characters. */
const rememberedQueries = 64
const longestQuery = 512

interface Asking {
  readonly identity: Identity
  readonly address: string | undefined
  readonly matchers: readonly Matcher[]
}

interface Asked {
  readonly hubUrl: string
  readonly matchers: readonly Matcher[]
}

/**
 * The short way to a stream: a GET from now on, with a token that was verified before, or anonymous.
 *
 * A crowd that connects asks for the same few things in the same words, and routing, hooks and replies
 * of the framework are a fifth of what a connection costs. What is in any way unusual, and whatever has
 * to be refused, is left to the framework's route; what decides is the same code there and here.
 */
export class HotSubscribe {
  readonly #options: PluginOptions
  readonly #urls: HubUrlResolver
  readonly #framework: RequestListener
  readonly #cors: Cors | undefined
  readonly #maySubscribe: boolean
  readonly #asked = new Map<string, Asked>()
  #head: { readonly origin: string | undefined; readonly fields: Head } | undefined
  #isClosed = false

  /** @param framework takes what waited here and turned out to be unusual */
  constructor(options: PluginOptions, urls: HubUrlResolver, framework: RequestListener) {
    this.#options = options
    this.#urls = urls
    this.#framework = framework
    this.#cors = Cors.of(options)
    this.#maySubscribe = maySubscribe(options)
  }

  /** The server closes: its framework says so to who still asks. */
  close(): void {
    this.#isClosed = true
  }

  /** Takes the request if it is a usual one for a stream that can be opened; false leaves it untouched. */
  take(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.method !== 'GET' || request.url?.startsWith(start) !== true) return false
    if (response.socket === null) return false // it stands behind another one, which may become a stream
    if (!this.#maySubscribe || !isUsual(request, fields)) return false
    const asking = this.#read(request)
    if (asking === undefined) return false
    const { pacing } = this.#options.hub
    if (pacing.enterNow()) return this.#open(asking, request, response)
    return pacing.enter(
      () => this.#openLater(request, response),
      () => response.destroyed,
    )
  }

  /** Much may have changed while it waited. */
  #openLater(request: IncomingMessage, response: ServerResponse): void {
    const asking = this.#read(request)
    if (asking === undefined || !this.#open(asking, request, response))
      this.#framework(request, response)
  }

  /** Who asks for what; undefined when that is unusual, or to be refused. */
  #read(request: IncomingMessage): Asking | undefined {
    if (this.#isClosed) return undefined
    const { authenticator, hub, needsAddress } = this.#options
    const urls = this.#urls.resolve(request)
    if (urls.isMisdirected) return undefined
    const matchers = this.#matchersOf(request.url?.slice(start.length) ?? '', urls.hubUrl)
    if (matchers === undefined) return undefined
    const identity = authenticator.recognise(presentedBy(request, urls, false))
    if (identity === undefined || identity.protocol === '0.x') return undefined // that has other answers
    if (hub.kicks.isDenied(identity.tokenHash)) return undefined
    const address = needsAddress ? this.#urls.addressOf(request) : undefined
    return { identity, address, matchers }
  }

  #open(
    { identity, address, matchers }: Asking,
    request: IncomingMessage,
    response: ServerResponse,
  ): boolean {
    const { hub } = this.#options
    if (!hub.seatNow({ tokenHash: identity.tokenHash, address })) return false
    const opening = { identity, address, matchers, start: undefined, isPlain: false }
    try {
      open(hub, opening, () => takeOver(request, response, this.#headFor(request.headers.origin)))
    } catch (error) {
      // What nobody expected costs this stream, as it does on the framework's route.
      this.#options.onRefusal('subscribe', asHubError(error))
      request.socket.destroy()
    }
    return true
  }

  /** What a query asks for; undefined when that is unusual, or wrong. */
  #matchersOf(query: string, hubUrl: string): readonly Matcher[] | undefined {
    const known = this.#asked.get(query)
    if (known?.hubUrl === hubUrl) return known.matchers
    const matchers = read(query, hubUrl)
    if (matchers === undefined || query.length > longestQuery) return matchers
    if (this.#asked.size >= rememberedQueries) this.#asked.clear()
    this.#asked.set(query, { hubUrl, matchers })
    return matchers
  }

  /** The fields of the answer, one object for all who come from the same origin as the one before. */
  #headFor(origin: string | undefined): Head {
    if (this.#head === undefined || this.#head.origin !== origin)
      this.#head = {
        origin,
        fields: { ...securityHeaders, ...this.#cors?.fieldsFor(origin), ...streamHeaders },
      }
    return this.#head.fields
  }
}

function read(query: string, hubUrl: string): readonly Matcher[] | undefined {
  try {
    const form = parseForm(query)
    return unusual.some((name) => form.has(name)) ? undefined : parseMatchers(form, hubUrl)
  } catch {
    return undefined // the framework's route says what is wrong
  }
}
