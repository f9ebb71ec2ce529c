import { nameOf } from './cursor-store.ts'
import type { Feed, Gap, Matchers, Sink, SubscribeOptions, SubscriptionState } from './options.ts'
import { page, watchPage } from './page.ts'
import { Recent, type Step } from './recent.ts'
import { ResumingFeed } from './resuming-feed.ts'

/** What tabs tell each other. `term` names a leader; `after` is the cursor that a step starts from. */
type Message =
  | { kind: 'hello'; term: string; cursor: string }
  | { kind: 'step'; term: string; after: string; step: Step }
  | { kind: 'gap'; term: string; gap: Gap }
  | { kind: 'state'; term: string; state: SubscriptionState }
  | { kind: 'where'; from: string; cursor: string }
  | ({ kind: 'there'; term: string; to: string; cursor: string; state: SubscriptionState } & {
      /** What came after the cursor that was asked about; absent when that is not known any more. */
      steps?: readonly Step[]
    })

type StepMessage = Extract<Message, { kind: 'step' }>

/** Messages that wait for a slow reader; beyond, they are let go and asked for again. */
const mostMessages = 1000

/**
 * One connection for all tabs that subscribe to the same: whoever holds the lock leads, the others follow.
 *
 * Every step names the cursor before it, so a tab knows whether it has all. One that has not asks the leader;
 * when even that has forgotten, it catches up over a connection of its own until it meets the others.
 * A tab that takes the lead begins at its own cursor, and whoever was further drops what comes again.
 */
export class SharedFeed implements Feed {
  readonly #options: SubscribeOptions
  readonly #matchers: Matchers
  readonly #sink: Sink
  readonly #name: string
  readonly #me = newName()
  readonly #recent = new Recent()
  #cursor: string
  /** Where the leader is. */
  #at = ''
  #term = ''
  #formerTerm = ''
  #overlap: string[] = []
  #role: 'asking' | 'following' | 'alone' | 'leading' = 'asking'
  #state: SubscriptionState = { name: 'connecting' }
  #channel: InstanceType<typeof BroadcastChannel> | undefined
  #own: ResumingFeed | undefined
  #release: () => void = () => {}
  #inbox: Message[] = []
  #isBusy = false
  #hasMissed = false
  /** What the leader said while this tab was catching up alone. */
  #heard: StepMessage[] = []
  #unwatch: () => void = () => {}
  #isOver = false

  constructor(options: SubscribeOptions, matchers: Matchers, lastEventId: string, sink: Sink) {
    this.#options = options
    this.#matchers = matchers
    this.#cursor = lastEventId
    this.#sink = sink
    const { shared, hub } = options
    this.#name = typeof shared === 'string' ? `cinnabar ${shared}` : nameOf(hub, matchers)
  }

  start(): void {
    this.#enter({ name: 'connecting' })
    this.#unwatch = watchPage({
      away: () => this.#leave(),
      back: () => this.#join(),
      online: () => {},
    })
    this.#join()
  }

  close(): void {
    this.#isOver = true
    this.#unwatch()
    this.#leave()
  }

  follow(): Promise<void> {
    return Promise.reject(
      new Error('a shared subscription keeps its topics: open another one for others'),
    )
  }

  #join(): void {
    if (this.#isOver || this.#channel !== undefined) return
    const locks = page.navigator?.locks
    if (locks === undefined) return this.#goAlone() // a page without TLS: nothing can be shared
    this.#channel = new BroadcastChannel(this.#name)
    this.#channel.onmessage = (event: { data: unknown }) => this.#receive(event.data as Message)
    const waiting = new AbortController()
    this.#release = () => waiting.abort()
    const lead = () => new Promise<void>((resolve) => this.#lead(resolve))
    locks.request(this.#name, { signal: waiting.signal }, lead).catch(() => {}) // left before it was its turn
    this.#ask()
  }

  #leave(): void {
    this.#channel?.close()
    this.#channel = undefined
    this.#own?.close()
    this.#own = undefined
    this.#inbox = []
    this.#role = 'asking'
    this.#release()
  }

  #lead(release: () => void): void {
    if (this.#channel === undefined) return release()
    this.#release = release
    const wasAlone = this.#role === 'alone'
    this.#role = 'leading'
    this.#term = newName()
    this.#at = this.#cursor
    this.#overlap = []
    this.#inbox = []
    this.#post({ kind: 'hello', term: this.#term, cursor: this.#cursor })
    this.#post({ kind: 'state', term: this.#term, state: this.#state })
    if (!wasAlone) this.#openOwn()
  }

  #goAlone(): void {
    this.#role = 'alone'
    this.#heard = []
    this.#openOwn()
  }

  /** A connection of this tab, to lead with or to catch up. */
  #openOwn(): void {
    this.#own?.close()
    const isMine = (): boolean => this.#own === own
    const own: ResumingFeed = new ResumingFeed(this.#options, this.#matchers, this.#cursor, {
      update: ({ id, type, data }) =>
        isMine() ? this.#advance({ id, update: { type, data } }) : undefined,
      cursor: (id) => void (isMine() && this.#advance({ id })),
      gap: (gap) => isMine() && this.#tellGap(gap),
      state: (state) => isMine() && this.#enterOwn(state),
    })
    this.#own = own
    own.start()
  }

  /** A step of this tab's own connection. */
  #advance(step: Step): void | Promise<void> {
    const after = this.#cursor
    const handedOver = this.#hand(step)
    if (this.#role === 'leading') {
      this.#at = step.id
      this.#post({ kind: 'step', term: this.#term, after, step })
    } else if (this.#channel !== undefined) this.#meetBehind(step)
    return handedOver
  }

  #hand(step: Step): void | Promise<void> {
    this.#cursor = step.id
    this.#recent.push(step)
    if (step.update === undefined) return this.#sink.cursor(step.id)
    return this.#sink.update({ id: step.id, ...step.update })
  }

  #tellGap(gap: Gap): void {
    this.#sink.gap(gap)
    if (this.#role === 'leading') this.#post({ kind: 'gap', term: this.#term, gap })
  }

  #enterOwn(state: SubscriptionState): void {
    if (this.#role === 'leading' && state.name !== 'ended')
      this.#post({ kind: 'state', term: this.#term, state })
    this.#enter(state)
    if (state.name === 'ended') this.close() // another tab may have another token: it tries
  }

  #enter(state: SubscriptionState): void {
    this.#state = state
    this.#sink.state(state)
  }

  #receive(message: Message): void {
    this.#inbox.push(message)
    if (this.#inbox.length > mostMessages) this.#hasMissed = true
    if (this.#hasMissed) this.#inbox = []
    if (!this.#isBusy) void this.#work()
  }

  async #work(): Promise<void> {
    this.#isBusy = true
    for (let message; (message = this.#inbox.shift()) !== undefined;) {
      const handled = this.#handle(message)
      if (handled !== undefined) await handled
    }
    this.#isBusy = false
    if (this.#hasMissed && this.#role !== 'leading') this.#ask()
    this.#hasMissed = false
  }

  #handle(message: Message): void | Promise<void> {
    if (this.#isOver) return undefined
    if (message.kind === 'where')
      return this.#role === 'leading' ? this.#answer(message) : undefined
    if (this.#role === 'leading') return undefined // the last words of the one before
    if (message.kind === 'there') return message.to === this.#me ? this.#learn(message) : undefined
    if (message.kind === 'hello') return this.#greet(message)
    if (message.term === this.#formerTerm) return undefined
    if (message.kind === 'step') return this.#follow(message)
    if (this.#role !== 'following' || message.term !== this.#term) return undefined
    if (message.kind === 'gap') return this.#sink.gap(message.gap)
    return this.#enter(message.state)
  }

  #follow(message: StepMessage): void | Promise<void> {
    if (this.#role === 'asking') return undefined // the answer has it
    if (this.#role === 'alone') return this.#meetAhead(message)
    const { term, after, step } = message
    if (term !== this.#term || after !== this.#at) return this.#ask()
    this.#at = step.id
    const known = step.update === undefined ? -1 : this.#overlap.indexOf(step.id)
    if (known !== -1) this.#overlap.splice(0, known + 1)
    else if (this.#overlap.length === 0 || step.update !== undefined) return this.#hand(step)
    return undefined
  }

  #greet({ term, cursor }: Extract<Message, { kind: 'hello' }>): void {
    this.#formerTerm = this.#term
    this.#term = term
    this.#heard = []
    if (this.#role === 'alone') return
    const ahead = cursor === this.#cursor ? [] : this.#recent.after(cursor)
    if (ahead === undefined) return this.#ask()
    this.#followFrom(cursor, ahead)
  }

  #followFrom(cursor: string, ahead: readonly Step[]): void {
    this.#role = 'following'
    this.#at = cursor
    this.#overlap = ahead.filter(({ update }) => update !== undefined).map(({ id }) => id)
  }

  #ask(): void {
    this.#role = 'asking'
    this.#post({ kind: 'where', from: this.#me, cursor: this.#cursor })
  }

  #answer({ from, cursor }: Extract<Message, { kind: 'where' }>): void {
    const isHere = cursor === '' || cursor === this.#cursor
    const steps = isHere ? [] : this.#recent.after(cursor)
    const there = { to: from, term: this.#term, cursor: this.#cursor, state: this.#state }
    this.#post({ kind: 'there', ...there, ...(steps && { steps }) })
  }

  async #learn({ term, cursor, steps, state }: Extract<Message, { kind: 'there' }>): Promise<void> {
    if (this.#role !== 'asking') return
    this.#term = term
    if (steps === undefined) return this.#goAlone()
    this.#followFrom(cursor, [])
    this.#enter(state)
    for (const step of steps) await this.#hand(step)
    this.#cursor = cursor
  }

  /** The leader is where this tab was: what it has beyond comes again. */
  #meetAhead(message: StepMessage): void {
    if (message.term !== this.#term) this.#heard = []
    this.#term = message.term
    this.#heard.push(message)
    if (this.#heard.length > mostMessages) this.#heard.shift()
    const { id } = message.step
    const ahead = id === this.#cursor ? [] : this.#recent.after(id)
    if (ahead !== undefined) this.#rejoin(id, ahead)
  }

  /** This tab comes to where the leader was when it began to listen: the rest was heard. */
  #meetBehind({ id }: Step): void {
    const at = this.#heard.findLastIndex(({ step }) => step.id === id)
    if (at === -1) return
    const rest = this.#heard.slice(at + 1)
    this.#rejoin(id, [])
    this.#inbox.unshift(...rest)
    if (!this.#isBusy) void this.#work()
  }

  #rejoin(cursor: string, ahead: readonly Step[]): void {
    this.#own?.close()
    this.#own = undefined
    this.#heard = []
    this.#followFrom(cursor, ahead)
    this.#enter({ name: 'live' })
  }

  #post(message: Message): void {
    this.#channel?.postMessage(message)
  }
}

function newName(): string {
  return Math.random().toString(36).slice(2)
}
