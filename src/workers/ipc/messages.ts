import type { AdminAnswer, AdminRequest } from '../../http/operators/forward.ts'
import type { Condition } from '../../http/operators/health.ts'
import type { MetricsSnapshot } from '../../http/metrics/metrics.ts'
import type { Permits } from '../../hub/limits/publish-rate.ts'
import type { Seat } from '../../hub/limits/stream-limits.ts'
import type { Settings } from '../../config/settings.ts'
import type { LimitName } from '../../protocol/limits.ts'
import type { ErrorCode } from '../../protocol/errors.ts'

/** What the primary asks a worker, and what it is answered. `null` travels where nothing is to be said. */
export interface WorkerQuestions {
  /** Does your event loop turn? */
  readonly pulse: { asked: null; answer: null }
  readonly ready: { asked: null; answer: Condition }
  readonly metrics: { asked: null; answer: MetricsSnapshot }
  /** Take these settings over; answered when they count. */
  readonly renew: { asked: Settings; answer: null }
  /** Answer this request of the operators' listener. */
  readonly admin: { asked: AdminRequest; answer: AdminAnswer }
  /** Let your streams go over so many milliseconds; answered when they have gone and the log is flushed. */
  readonly drain: { asked: number; answer: null }
}

/** What a worker asks the primary. */
export interface PrimaryQuestions {
  /** A seat for a stream that is about to open, or only whether there is one; answered with the refusal. */
  readonly seat: { asked: { readonly seat: Seat; readonly isTaken: boolean }; answer: Refusal }
  /** Publishes of a token, so many at most. */
  readonly permits: {
    asked: { readonly tokenHash: string; readonly most: number }
    answer: Permits
  }
}

/** Code and sentence of a HubError; null when nothing is refused. */
export type Refusal = {
  readonly code: ErrorCode
  readonly message: string
  readonly limit?: LimitName | undefined
} | null

/** What the primary tells a worker. */
export type ToWorker =
  | {
      readonly kind: 'start'
      readonly worker: number
      readonly workers: number
      readonly settings: Settings
    }
  /** Comes with the socket. */
  | { readonly kind: 'connection'; readonly id: number }

/** What a worker tells the primary. */
export type ToPrimary =
  | { readonly kind: 'ready' }
  /** It cannot start, and will end. */
  | { readonly kind: 'failed'; readonly problem: string }
  /** From now on this connection is the worker's: nothing of it was read before. */
  | { readonly kind: 'taken'; readonly id: number }
  /** Connections that were taken and are closed now. */
  | { readonly kind: 'released'; readonly count: number }
  | { readonly kind: 'left'; readonly seat: Seat }
  /** A batch of this token had so many updates more than one. */
  | { readonly kind: 'charged'; readonly tokenHash: string; readonly count: number }
  /** All seats that this worker's streams have, under limits that are new. */
  | { readonly kind: 'seated'; readonly seats: readonly Seat[] }
