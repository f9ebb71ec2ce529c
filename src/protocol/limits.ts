/**
 * The limits that a client can meet, by name: options where there is one. docs/limits.md tells for each
 * what the client sees.
 */
export const limitNames = [
  'max_subscribers',
  'max_subscribers_per_token',
  'max_subscribers_per_address',
  'max_pattern_cost_per_subscriber',
  'max_pattern_cost_per_address',
  'max_pattern_steps_per_request',
  'waiting_checks',
  'waiting_streams',
  'open_files',
  'subscriber_buffer',
  'dispatch_timeout',
  'max_publishes_per_second_per_token',
  'max_request_body_size',
  'query_body_size',
  'form_fields',
  'max_header_size',
  'header_timeout',
  'matchers',
  'topics',
  'topic_size',
  'frame_size',
  'batch_updates',
  'idempotency_keys',
  'idempotency_keys_per_publisher',
  'waiting_publishes',
] as const

export type LimitName = (typeof limitNames)[number]
