import { type ChildProcess, fork } from 'node:child_process'
import type { Socket } from 'node:net'
import { createInterface } from 'node:readline'
import type { Settings } from '../../config/settings.ts'
import type { Taker } from './load-balancer.ts'
import { Channel } from '../ipc/channel.ts'
import type { PrimaryQuestions, ToPrimary, ToWorker, WorkerQuestions } from '../ipc/messages.ts'

export interface WorkerProcessOptions {
  /** Its number, which a process that replaces it has too. */
  readonly number: number
  /** How many there are. */
  readonly workers: number
  /** The file that it runs. */
  readonly entry: URL
  readonly settings: Settings
  /** A line of its log, as it wrote it. */
  readonly onLine: (line: string) => void
  readonly onNote: (worker: WorkerProcess, note: ToPrimary) => void
  readonly answer: (
    worker: WorkerProcess,
    asked: PrimaryQuestions['seat']['asked'],
  ) => PrimaryQuestions['seat']['answer']
  readonly permits: (
    asked: PrimaryQuestions['permits']['asked'],
  ) => PrimaryQuestions['permits']['answer']
}

/** A process whose channel is closed ends by itself; after this long it is ended. */
const farewellMs = 1_000

/** How a process ended. */
export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** What it said before, when it could not start. */
  readonly problem: string | undefined
}

/** One worker's process, seen from the primary. */
export class WorkerProcess implements Taker {
  readonly number: number
  /** It has said that it is ready. */
  isReady = false
  /** Resolves once its channel is closed and everything that it said is heard. */
  readonly silent: Promise<void>
  readonly ended: Promise<End>
  readonly #child: ChildProcess
  readonly #channel: Channel<ToWorker, ToPrimary, WorkerQuestions, PrimaryQuestions>
  #problem: string | undefined

  constructor(options: WorkerProcessOptions) {
    this.number = options.number
    const child = fork(options.entry, { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
    this.#child = child
    this.#channel = new Channel({
      post: (message, socket) => post(child, message, socket),
      onNote: (note) => {
        if (note.kind === 'ready') this.isReady = true
        if (note.kind === 'failed') this.#problem = note.problem
        options.onNote(this, note)
      },
      answer: async (name, asked) =>
        (name === 'permits'
          ? options.permits(asked as PrimaryQuestions['permits']['asked'])
          : options.answer(this, asked as PrimaryQuestions['seat']['asked'])) as never,
    })
    child.on('message', (message) => this.#channel.receive(message))
    child.on('error', () => {}) // it could not be started or told something: it ends, and that is told
    if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', options.onLine)
    this.silent = this.#silence(child)
    this.ended = this.#end(child)
    this.#channel.tell({
      kind: 'start',
      worker: options.number,
      workers: options.workers,
      settings: options.settings,
    })
  }

  /**
   * Node's own `disconnect` does not come while a socket is on its way: then it is the process's end, and
   * that its pipe was read to the end, which `connected` tells.
   */
  async #silence(child: ChildProcess): Promise<void> {
    await new Promise<void>((resolve) => {
      child.once('disconnect', resolve)
      child.once('error', () => child.pid === undefined && resolve())
      child.once('exit', () => {
        const look = () => (child.connected ? setImmediate(look) : resolve())
        look()
      })
    })
    this.isReady = false
    this.#channel.close()
    setTimeout(() => this.kill(), farewellMs).unref()
  }

  /** Node's own `close` event does not come after a `disconnect()` of ours. */
  #end(child: ChildProcess): Promise<End> {
    const output = new Promise<void>((resolve) => {
      if (child.stdout === null) resolve()
      child.stdout?.once('close', resolve)
    })
    return new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        void output.then(() => resolve({ code, signal, problem: this.#problem }))
      })
      child.once('error', ({ message }) => {
        if (child.pid === undefined) resolve({ code: null, signal: null, problem: message })
      })
    })
  }

  get isConnected(): boolean {
    return this.#child.connected
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  give(id: number, socket: Socket): void {
    this.#channel.tell({ kind: 'connection', id }, socket)
  }

  /** @throws Error what the worker threw, or that it has ended, or that it took longer than `timeoutMs` */
  ask<Name extends keyof WorkerQuestions>(
    name: Name,
    asked: WorkerQuestions[Name]['asked'],
    timeoutMs?: number,
  ): Promise<WorkerQuestions[Name]['answer']> {
    return this.#channel.ask(name, asked, timeoutMs)
  }

  /** Lets it end by itself. */
  dismiss(): void {
    if (this.#child.connected) this.#child.disconnect()
  }

  /** Ends it in the middle of whatever it does. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }
}

/** The primary keeps a socket open until it is taken. What cannot be sent is dropped: the process has ended. */
function post(child: ChildProcess, message: object, socket?: Socket): void {
  if (!child.connected) return
  if (socket === undefined) child.send(message, () => {})
  else child.send(message, socket, { keepOpen: true }, () => {})
}
