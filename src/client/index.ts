export type {
  CursorStore,
  End,
  Gap,
  HubOptions,
  Matchers,
  OneOrMore,
  SubscribeOptions,
  SubscriptionState,
  TokenOption,
  Update,
} from './options.ts'
export { HubRefusal } from './refusal.ts'
export { subscribe, Subscription, type UpdateEvent } from './subscription.ts'
export {
  publish,
  publishBatch,
  type Publication,
  type PublishBatchOptions,
  type PublishOptions,
} from './publish.ts'
export {
  subscriptions,
  type ActiveSubscription,
  type LiveSubscriptions,
  type SubscriptionsOptions,
} from './subscriptions.ts'
