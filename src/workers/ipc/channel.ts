import type { Socket } from 'node:net'

/** Questions by name, with what is asked and what is answered. */
type Questions<Q> = {
  readonly [Name in keyof Q]: { readonly asked: unknown; readonly answer: unknown }
}

interface Ask {
  readonly kind: 'ask'
  readonly id: number
  readonly name: string
  readonly asked: unknown
}

interface Answer {
  readonly kind: 'answer'
  readonly id: number
  readonly answer?: unknown
  readonly problem?: string
}

/** What one side of a channel can do: post a message, and answer what it is asked. */
export interface ChannelOptions<Hears, Answers extends Questions<Answers>> {
  /** Sends to the other process; a message to one that has gone is dropped. */
  readonly post: (message: object, socket?: Socket) => void
  readonly onNote: (note: Hears, socket: Socket | undefined) => void
  readonly answer: <Name extends keyof Answers>(
    name: Name,
    asked: Answers[Name]['asked'],
  ) => Promise<Answers[Name]['answer']>
}

interface Pending {
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: Error) => void
}

/**
 * Notes, questions and answers between the primary and one worker, over the pipe that Node gives them.
 *
 * Both sides are the same program, so what arrives has the types that were sent.
 */
export class Channel<
  Says extends object,
  Hears,
  Asks extends Questions<Asks>,
  Answers extends Questions<Answers>,
> {
  readonly #options: ChannelOptions<Hears, Answers>
  readonly #pending = new Map<number, Pending>()
  #lastId = 0
  #isClosed = false

  constructor(options: ChannelOptions<Hears, Answers>) {
    this.#options = options
  }

  tell(note: Says, socket?: Socket): void {
    if (!this.#isClosed) this.#options.post(note, socket)
  }

  /**
   * Asks the other side.
   *
   * @throws Error what the other side threw, or that it has ended, or that it took longer than `timeoutMs`
   */
  async ask<Name extends keyof Asks & string>(
    name: Name,
    asked: Asks[Name]['asked'],
    timeoutMs = Number.POSITIVE_INFINITY,
  ): Promise<Asks[Name]['answer']> {
    if (this.#isClosed) throw new Error('the process has ended')
    const id = ++this.#lastId
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise<unknown>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject })
        if (Number.isFinite(timeoutMs))
          timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs)
        this.#options.post({ kind: 'ask', id, name, asked } satisfies Ask)
      })
    } finally {
      clearTimeout(timer)
      this.#pending.delete(id)
    }
  }

  /** A message came from the other process. */
  receive(message: unknown, socket?: Socket): void {
    const { kind } = message as { readonly kind: string }
    if (kind === 'answer') return this.#settle(message as Answer)
    if (kind === 'ask') return void this.#answer(message as Ask)
    this.#options.onNote(message as Hears, socket)
  }

  /** The other process has gone: nobody waits for its answers any more. */
  close(): void {
    this.#isClosed = true
    for (const { reject } of this.#pending.values()) reject(new Error('the process has ended'))
    this.#pending.clear()
  }

  #settle({ id, answer, problem }: Answer): void {
    const pending = this.#pending.get(id)
    if (problem === undefined) pending?.resolve(answer)
    else pending?.reject(new Error(problem))
  }

  /** Never rejects: what is thrown is the answer. */
  async #answer({ id, name, asked }: Ask): Promise<void> {
    let answer: Answer
    try {
      answer = {
        kind: 'answer',
        id,
        answer: await this.#options.answer(name as keyof Answers, asked),
      }
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      answer = { kind: 'answer', id, problem }
    }
    if (!this.#isClosed) this.#options.post(answer)
  }
}
