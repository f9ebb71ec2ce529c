import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { assemble, type Assembly } from '../../app/assemble.ts'
import type { Settings } from '../../config/settings.ts'
import { answerForwarded } from '../../http/operators/forward.ts'
import { adminServer } from '../../http/operators/admin.ts'
import { Channel } from '../ipc/channel.ts'
import { Intake } from './accepted-sockets.ts'
import type { ToWorker, WorkerQuestions } from '../ipc/messages.ts'
import { SharedRates } from './remote-publish-rate.ts'
import { SharedSeats, type ToThePrimary } from './remote-stream-limits.ts'

export interface WorkerParts {
  /** The public surface of a hub, not listening. */
  readonly serverOf: (settings: Settings, assembly: Assembly) => FastifyInstance
  readonly loggerOf: (settings: Settings, worker: number) => Logger
}

/**
 * What a worker's process does: it is a hub without listeners, which serves the connections that the
 * primary hands over, and answers what the primary asks.
 *
 * Signals are the primary's business (a terminal and systemd send them to every process), and when the
 * primary has gone the worker goes too, at once: nobody would send it a connection any more.
 */
export function work(parts: WorkerParts): void {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {})
  process.on('disconnect', () => process.exit(0))
  let worker: Promise<Worker> | undefined
  const started = () => worker ?? Promise.reject(new Error('the worker was not started'))
  const channel: ToThePrimary = new Channel({
    post: (message) => process.connected && process.send?.(message, undefined, {}, () => {}),
    onNote: (note: ToWorker, socket) => {
      if (note.kind === 'start') worker = startOrEnd(parts, channel, note)
      else void started().then((ready) => ready.take(note.id, socket))
    },
    answer: async (name, asked) => (await started()).answer(name, asked) as never,
  })
  process.on('message', (message, socket) => channel.receive(message, socket as Socket | undefined))
}

type Start = Extract<ToWorker, { kind: 'start' }>

async function startOrEnd(
  parts: WorkerParts,
  channel: ToThePrimary,
  start: Start,
): Promise<Worker> {
  try {
    const worker = await Worker.open(parts, channel, start)
    channel.tell({ kind: 'ready' })
    return worker
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error)
    process.send?.({ kind: 'failed', problem }, undefined, {}, () => process.exit(1))
    return new Promise(() => {}) // the process is ending
  }
}

class Worker {
  readonly #channel: ToThePrimary
  readonly #assembly: Assembly
  readonly #server: FastifyInstance
  readonly #admin: FastifyInstance
  readonly #logger: Logger
  readonly #intake: Intake

  private constructor(
    channel: ToThePrimary,
    assembly: Assembly,
    server: FastifyInstance,
    logger: Logger,
  ) {
    this.#channel = channel
    this.#assembly = assembly
    this.#server = server
    this.#admin = adminServer(assembly.admin)
    this.#logger = logger
    this.#intake = new Intake(server.server, assembly.plugin.files, (count) =>
      channel.tell({ kind: 'released', count }),
    )
  }

  static async open(
    { serverOf, loggerOf }: WorkerParts,
    channel: ToThePrimary,
    { settings, worker, workers }: Start,
  ): Promise<Worker> {
    const logger = loggerOf(settings, worker)
    const seats = new SharedSeats(channel, settings)
    const rates = new SharedRates(channel, settings.maxPublishesPerSecondPerToken)
    const assembly = await assemble(settings, logger, { seats, rates, workers })
    const server = serverOf(settings, assembly)
    await server.ready()
    return new Worker(channel, assembly, server, logger)
  }

  take(id: number, socket: Socket | undefined): void {
    this.#channel.tell({ kind: 'taken', id }) // before anything of it is read
    this.#intake.take(socket)
  }

  async answer(
    name: keyof WorkerQuestions,
    asked: WorkerQuestions[typeof name]['asked'],
  ): Promise<WorkerQuestions[typeof name]['answer']> {
    return this.#answers[name](asked as never)
  }

  readonly #answers: {
    readonly [Name in keyof WorkerQuestions]: (
      asked: WorkerQuestions[Name]['asked'],
    ) => Promise<WorkerQuestions[Name]['answer']> | WorkerQuestions[Name]['answer']
  } = {
    pulse: () => null,
    ready: () => this.#assembly.admin.health.ready(),
    metrics: () => this.#assembly.metrics.snapshot(),
    admin: (request) => answerForwarded(this.#admin, request),
    renew: async (settings) => {
      await this.#assembly.renew(settings)
      this.#logger.level = settings.logLevel
      return null
    },
    drain: async (overMs) => {
      await this.#assembly.close(overMs)
      await this.#server.close()
      this.#server.server.closeAllConnections()
      return null
    },
  }
}
