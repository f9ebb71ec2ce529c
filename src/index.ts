export {
  createHub,
  type EmbeddedHub,
  type OwnSubscription,
  type OwnUpdate,
} from './app/embedding/create-hub.ts'
export type { EmbeddingOptions, Issuer, Logger, RoleKeys } from './app/embedding/options.ts'
export type { Gap, OwnStream } from './app/embedding/own-stream.ts'
export type { Reloaded } from './app/reload.ts'
export { ConfigError } from './config/load.ts'
export type { Condition } from './http/operators/health.ts'
export type { Kicked, KickTarget } from './hub/cluster/kicks.ts'
export type { CloseReason } from './hub/stream/subscriber.ts'
export { type ErrorCode, HubError } from './protocol/errors.ts'
export type { StreamEvent } from './protocol/event-stream-parser.ts'
export type { SubscriptionDocument } from './protocol/subscription.ts'
