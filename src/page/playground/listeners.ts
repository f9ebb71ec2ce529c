import { Store } from '../shared/store.ts'
import { subscribe, type Subscription } from '../../client/index.ts'
import { authorization, hubUrl, type Refusal, refusalOf } from './hub.ts'

/** A subscription as the hub's list and its events spell it. */
export interface Listener {
  readonly id: string
  readonly match: string
  readonly match_type: string
  readonly subscriber: string
  readonly active: boolean
  readonly payload?: unknown
  /** When the page heard of it; absent for those that were there before. */
  readonly sinceMs?: number
}

const namespace = `${new URL(hubUrl).pathname}/subscriptions`
const drawEveryMs = 250

/** Who listens: the list of the subscription API, then what changes from the list's cursor on. */
export class Listeners extends Store {
  readonly active = new Map<string, Listener>()
  state: 'off' | 'reading' | 'live' | 'waiting' | 'refused' = 'off'
  refusal: Refusal | undefined
  startedMs = 0
  #subscription: Subscription | undefined
  #watches = 0
  #timer: number | undefined

  async watchWith(token: string): Promise<void> {
    const mine = ++this.#watches
    this.#subscription?.close()
    this.active.clear()
    this.refusal = undefined
    this.startedMs = Date.now()
    this.#enter('reading')
    try {
      const cursor = await this.#readList(token, mine)
      if (mine === this.#watches && cursor !== undefined) this.#follow(token, cursor, mine)
    } catch {
      if (mine === this.#watches) this.#enter('waiting')
    }
  }

  stop(): void {
    this.#watches++
    this.#subscription?.close()
    this.#enter('off')
  }

  async #readList(token: string, mine: number): Promise<string | undefined> {
    let cursor: string | undefined
    for (let path: string | undefined = namespace; path !== undefined;) {
      const response: Response = await fetch(path, {
        headers: authorization(token),
        cache: 'no-store',
      })
      if (mine !== this.#watches) return undefined
      if (!response.ok) {
        this.refusal = await refusalOf(response)
        this.#enter('refused')
        return undefined
      }
      const link: string = response.headers.get('link') ?? ''
      cursor ??= cursorIn(link)
      path = /<([^>]*)>; rel="next"/.exec(link)?.[1]
      const { subscriptions } = (await response.json()) as { subscriptions: readonly Listener[] }
      for (const one of subscriptions) this.active.set(one.id, one)
    }
    return cursor ?? ''
  }

  #follow(token: string, cursor: string, mine: number): void {
    this.#subscription = subscribe({
      hub: hubUrl,
      match: [],
      urlPattern: [`${namespace}/:type/:match/:subscriber`],
      topic: [],
      token: token === '' ? undefined : token,
      lastEventId: cursor === '' ? undefined : cursor,
      onEvent: ({ data }) => this.#take(data),
      onGap: () => void this.watchWith(token),
      onState: ({ name }) => {
        if (mine !== this.#watches) return
        if (name === 'live') this.#enter('live')
        else if (name === 'ended') this.#enter('refused')
        else this.#enter(name === 'waiting' ? 'waiting' : 'reading')
      },
    })
  }

  #take(data: string): void {
    try {
      const change = JSON.parse(data) as Listener
      if (change.active) this.active.set(change.id, { ...change, sinceMs: Date.now() })
      else this.active.delete(change.id)
      this.#drawSoon()
    } catch {
      // somebody else's event, which the pattern selects as well
    }
  }

  #drawSoon(): void {
    if (this.#timer !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.changed()
    }, drawEveryMs)
  }

  #enter(state: Listeners['state']): void {
    this.state = state
    this.changed()
  }
}

/** Field values are bytes, which the browser shows as Latin-1. */
function cursorIn(link: string): string | undefined {
  const quoted = /last-event-id="((?:[^"\\]|\\.)*)"/.exec(link)?.[1]?.replace(/\\(.)/g, '$1')
  if (quoted === undefined) return undefined
  return new TextDecoder().decode(Uint8Array.from(quoted, (byte) => byte.charCodeAt(0)))
}
