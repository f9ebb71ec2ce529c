/** Where a role's keys come from: one static key with its algorithm, or a JWK Set. */
export type KeySettings =
  | { readonly kind: 'static'; readonly key: string; readonly algorithm: string }
  | { readonly kind: 'jwks'; readonly uri: string; readonly algorithms?: readonly string[] }

/** Keys of the two roles. A role without keys is a role that nobody can take. */
export interface RoleKeys {
  readonly publisher?: KeySettings
  readonly subscriber?: KeySettings
}

/** A token issuer that the hub trusts, with keys of its own (never pooled with another issuer's). */
export interface IssuerSettings extends RoleKeys {
  readonly id: string
  /** Advertise it as an authorization server in the protected resource metadata. */
  readonly authorizationServer: boolean
}

/** Every option of the hub, parsed and checked. Durations are in milliseconds, sizes in bytes, 0 means none or no limit. */
export interface Settings {
  readonly host: string
  readonly port: number
  readonly adminHost: string
  readonly adminPort: number | 'off'
  readonly transportUrl: string
  readonly issuers: readonly IssuerSettings[]
  /** Keys for 0.x tokens, which name no issuer; only used with protocol compatibility. */
  readonly legacyKeys: RoleKeys
  readonly resourceIdentifier: string | undefined
  readonly publicUrls: readonly string[]
  readonly protocolVersionCompatibility: 0 | 7 | 8
  readonly anonymous: boolean
  readonly subscriptions: boolean
  readonly debugger: boolean
  readonly playground: boolean
  readonly corsOrigins: readonly string[]
  readonly publishOrigins: readonly string[]
  /**
   * Besides the two lists, admit `http(s)://` origins on `localhost`, `*.localhost` and `127.0.0.1`,
   * any port (`isLocalOrigin` in loopback.ts tells). On in the playground.
   */
  readonly localOrigins: boolean
  readonly cookieName: string
  readonly heartbeatMs: number
  readonly writeTimeoutMs: number
  readonly dispatchTimeoutMs: number
  readonly drainTimeoutMs: number
  readonly maxRequestBodyBytes: number
  readonly maxHeaderBytes: number
  readonly subscriberBufferBytes: number
  readonly maxSubscribers: number
  readonly maxSubscribersPerToken: number
  readonly maxSubscribersPerAddress: number
  readonly maxPatternCostPerSubscriber: number
  readonly maxPatternCostPerAddress: number
  readonly maxPatternStepsPerRequest: number
  readonly maxPublishesPerSecondPerToken: number
  readonly headerTimeoutMs: number
  readonly requestTimeoutMs: number
  readonly keepAliveTimeoutMs: number
  readonly historySize: number
  readonly historyMaxAgeMs: number
  readonly historyMaxBytes: number
  readonly topicMatcherCacheEntries: number
  readonly registryShards: number
  readonly workers: number | 'auto'
  readonly trustedProxies: readonly string[]
  readonly subscriptionGraceMs: number
  readonly idempotencyWindowMs: number
  readonly maxIdempotencyKeys: number
  /** Who gets blocks without data; `auto`: those that are known to take them. */
  readonly cursorLines: boolean | 'auto'
  readonly adminToken: string | undefined
  /** Names of the admin listener besides loopback names. */
  readonly adminNames: readonly string[]
  readonly logLevel: string
  readonly logFormat: 'auto' | 'json' | 'pretty'
}
