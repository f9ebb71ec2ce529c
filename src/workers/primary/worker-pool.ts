import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { fileLimit, guardOf, selfCheckOf } from '../../app/assemble.ts'
import type { Settings } from '../../config/settings.ts'
import { adminServer } from '../../http/operators/admin.ts'
import type { AdminAnswer, AdminRequest } from '../../http/operators/forward.ts'
import type { ConsoleOptions } from '../../http/operators/console/routes.ts'
import { WorkersSource } from '../../http/operators/console/workers-source.ts'
import type { Condition, HealthSource } from '../../http/operators/health.ts'
import type { MetricsSnapshot } from '../../http/metrics/metrics.ts'
import { openFiles } from '../../app/host-limits.ts'
import type { FileLimit } from '../../http/connection/connection-limit.ts'
import { PublishRates } from '../../hub/limits/publish-rate.ts'
import { MetricsOfWorkers } from '../../http/metrics/aggregate.ts'
import type { SelfCheck } from '../../http/operators/self-check.ts'
import { backlog, keepAliveProbeMs, listen, originOf } from '../../http/server.ts'
import { listeningAt } from '../../net/listen-problem.ts'
import { probeLog } from '../../log/open.ts'
import { Acceptor } from './load-balancer.ts'
import { Crew } from './supervisor.ts'
import type { ToPrimary } from '../ipc/messages.ts'
import { SeatOffice } from './stream-counts.ts'
import type { WorkerProcess } from './worker-process.ts'

export interface WorkersOptions {
  readonly count: number
  readonly settings: Settings
  readonly logger: Logger
  /** The file that a worker's process runs. */
  readonly entry: URL
  /** A line of a worker's log. */
  readonly onLine: (line: string) => void
  /** What the console shows beside what the workers tell. */
  readonly console?: Omit<ConsoleOptions, 'source'>
}

/** A worker may take this long to answer for a scrape or a health check. */
const answerMs = 2_000

/**
 * Several processes that serve one port as one hub.
 *
 * The primary accepts connections, counts seats, watches over the workers, and has the operators'
 * listener. It follows no log and has no stream: there is little in it that could fail.
 */
export class Workers {
  readonly #options: WorkersOptions
  readonly #crew: Crew
  readonly #acceptor: Acceptor<WorkerProcess>
  readonly #office: SeatOffice<WorkerProcess>
  readonly #rates: PublishRates
  readonly #metrics: MetricsOfWorkers
  readonly #files: FileLimit | undefined
  readonly #selfCheck: SelfCheck
  readonly #closing: (() => Promise<void>)[] = []
  #settings: Settings
  #isDraining = false
  url = ''
  adminUrl: string | undefined

  private constructor(options: WorkersOptions) {
    const { settings, logger, count } = options
    this.#options = options
    this.#settings = settings
    this.#office = new SeatOffice(settings)
    this.#rates = new PublishRates(settings.maxPublishesPerSecondPerToken)
    this.#selfCheck = selfCheckOf(logger)
    const files = fileLimit(0, logger)
    this.#files = files
    this.#acceptor = new Acceptor({ keepAliveProbeMs, guard: (server) => files?.guard(server) })
    this.#crew = new Crew({
      count,
      entry: options.entry,
      settings,
      onLine: options.onLine,
      onNote: (worker, note) => this.#hear(worker, note),
      answer: (worker, { seat, isTaken }) => this.#office.ask(worker, seat, isTaken),
      permits: ({ tokenHash, most }) => this.#rates.grant(tokenHash, most, performance.now()),
      onReady: (worker) => this.#acceptor.join(worker),
      onSilent: (worker) => {
        this.#acceptor.leave(worker)
        this.#office.gone(worker)
        this.#metrics.retire(worker.number)
      },
      onEnded: ({ number: worker }, { code, signal, problem }, replacedInMs) =>
        logger.error({ worker, code, signal, problem, replacedInMs }, 'a worker ended'),
      onHung: ({ number: worker }) => logger.error({ worker }, 'a worker hangs and is ended'),
    })
    this.#metrics = new MetricsOfWorkers(this.#watched())
  }

  /**
   * Starts workers and listeners; resolves when all are ready.
   *
   * @throws Error with a sentence for the operator; nothing is left running then
   */
  static async start(options: WorkersOptions): Promise<Workers> {
    const workers = new Workers(options)
    try {
      await probeLog(options.settings.transportUrl)
      await workers.#crew.start()
      await workers.#listen()
    } catch (error) {
      await workers.#end()
      throw error
    }
    return workers
  }

  /**
   * Has every worker take other settings over.
   *
   * @throws Error of a worker that could not; the others have gone back to what they had then
   */
  async renew(settings: Settings): Promise<void> {
    const before = this.#settings
    this.#take(settings)
    try {
      await this.#tellAll(settings)
    } catch (error) {
      this.#take(before)
      await this.#tellAll(before).catch(() => {}) // the first failure is the one to tell
      throw error
    }
  }

  /** Connections that workers have now. */
  get streams(): number {
    const counts = this.#crew.ready.map((worker) => this.#acceptor.connectionsOf(worker))
    return counts.reduce((sum, count) => sum + count, 0)
  }

  /** Lets all streams go over `drainMs`, then ends the workers and the listeners. */
  async close(drainMs: number): Promise<void> {
    this.#isDraining = true
    this.#crew.leave()
    const workers = this.#crew.ready
    await Promise.allSettled(workers.map((worker) => worker.ask('drain', drainMs)))
    await this.#end()
  }

  #take(settings: Settings): void {
    this.#settings = settings
    this.#crew.settings = settings
    this.#office.limit(settings)
    this.#rates.limit(settings.maxPublishesPerSecondPerToken)
  }

  async #tellAll(settings: Settings): Promise<void> {
    await Promise.all(this.#crew.ready.map((worker) => worker.ask('renew', settings)))
  }

  async #listen(): Promise<void> {
    await this.#listenForOperators() // without it nothing is served
    const { host, port } = this.#settings
    const place = { host, port, hostOption: 'host', portOption: 'port' } as const
    const address = await listeningAt(place, () => this.#acceptor.listen(host, port, backlog))
    this.url = originOf(address)
    this.#selfCheck.watch('public', address)
  }

  async #listenForOperators(): Promise<void> {
    const { adminHost: host, adminPort: port } = this.#settings
    if (port === 'off') return
    const admin = adminServer({
      metrics: this.#metrics,
      health: this.#health(),
      forward: (request) => this.#forward(request),
      console: {
        source: new WorkersSource((path) => this.#askAll(path), this.#options.count),
        ...this.#options.console,
      },
      ...guardOf(this.#settings),
    })
    this.#closing.push(() => admin.close())
    const place = { host, port, hostOption: 'admin_host', portOption: 'admin_port' } as const
    this.adminUrl = await listeningAt(place, () => listen(admin, host, port))
    this.#selfCheck.watch('admin', admin.server.address() as AddressInfo)
  }

  async #end(): Promise<void> {
    this.#selfCheck.close()
    this.#acceptor.close()
    await this.#crew.end()
    for (const close of this.#closing) await close()
  }

  #hear(worker: WorkerProcess, note: ToPrimary): void {
    if (note.kind === 'taken') this.#acceptor.taken(worker, note.id)
    if (note.kind === 'released') this.#acceptor.released(worker, note.count)
    if (note.kind === 'charged') this.#rates.charge(note.tokenHash, note.count, performance.now())
    if (note.kind === 'left') this.#office.left(worker, note.seat)
    if (note.kind === 'seated') this.#office.seated(worker, note.seats)
  }

  /** What is about one hub is answered by one worker, by `?worker=N` where it matters which. */
  async #forward(request: AdminRequest): Promise<AdminAnswer> {
    const asked = new URL(request.url, 'http://primary').searchParams.get('worker')
    const worker = this.#crew.ready.find(({ number }) => asked === null || asked === `${number}`)
    if (worker === undefined) return unavailable(`worker ${asked ?? ''} is not ready`)
    try {
      return await worker.ask('admin', request)
    } catch {
      return unavailable('the worker ended before it answered')
    }
  }

  /** What each worker answers at a path; one that does not in time is left out. */
  async #askAll(url: string) {
    const request = { method: 'GET', url, headers: { host: 'localhost' }, body: '' }
    const asked = this.#crew.ready.map(async (worker) => {
      try {
        const own = { ...request, address: '127.0.0.1' }
        const { status, body } = await worker.ask('admin', own, answerMs)
        return status === 200
          ? [{ worker: worker.number, answer: JSON.parse(body) as unknown }]
          : []
      } catch {
        return [] // it is busy or has ended
      }
    })
    return (await Promise.all(asked)).flat()
  }

  #health(): HealthSource {
    return { live: () => this.#live(), ready: () => this.#ready() }
  }

  /** Every worker's event loop turns and its server answers, as the listeners do. One that has ended is being replaced, which is no reason to end the others. */
  async #live(): Promise<Condition> {
    const asked = this.#crew.ready.map(async (worker) => {
      try {
        return await worker.ask('live', null, answerMs)
      } catch {
        const problem = `no answer from worker ${worker.number}`
        return { isOk: !worker.isConnected, problem }
      }
    })
    const conditions = [this.#selfCheck.condition, ...(await Promise.all(asked))]
    const problems = conditions.filter(({ isOk }) => !isOk).map(({ problem }) => problem)
    if (problems.length === 0) return { isOk: true }
    return { isOk: false, problem: problems.join('; ') }
  }

  /** Half of the workers would take publishes and streams. */
  async #ready(): Promise<Condition> {
    if (this.#isDraining) return { isOk: false, problem: 'draining' }
    const conditions = await Promise.all(
      this.#crew.ready.map((worker) =>
        worker
          .ask('ready', null, answerMs)
          .catch(() => ({ isOk: false, problem: `no answer from worker ${worker.number}` })),
      ),
    )
    const good = conditions.filter(({ isOk }) => isOk).length
    const { count } = this.#options
    if (good > 0 && good >= count / 2) return { isOk: true }
    const problem = conditions.find(({ isOk }) => !isOk)?.problem
    return { isOk: false, problem: problem ?? `${good} of ${count} workers are ready` }
  }

  #watched(): ConstructorParameters<typeof MetricsOfWorkers>[0] {
    const [crew, acceptor, files, { count }] = [
      this.#crew,
      this.#acceptor,
      this.#files,
      this.#options,
    ]
    return {
      snapshots: () => this.#snapshots(),
      openFiles,
      get dropped() {
        return files?.dropped ?? 0
      },
      get ready() {
        return crew.ready.length
      },
      expected: count,
      get replaced() {
        return crew.replaced
      },
      get waiting() {
        return acceptor.waiting
      },
      connections: () =>
        new Map(crew.ready.map((worker) => [worker.number, acceptor.connectionsOf(worker)])),
    }
  }

  async #snapshots(): Promise<ReadonlyMap<number, MetricsSnapshot>> {
    const snapshots = new Map<number, MetricsSnapshot>()
    const ask = async (worker: WorkerProcess) => {
      try {
        const snapshot = await worker.ask('metrics', null, answerMs)
        if (worker.isReady) snapshots.set(worker.number, snapshot)
      } catch {
        // It is busy or has ended: what it said last stands, or is kept.
      }
    }
    await Promise.all(this.#crew.ready.map(ask))
    return snapshots
  }
}

function unavailable(error: string): AdminAnswer {
  const headers = { 'content-type': 'application/json; charset=utf-8' }
  return { status: 503, headers, body: JSON.stringify({ status: 'error', error }) }
}
