/** What the protected resource metadata tells (RFC 9728, draft-08 § 1.9). */
export interface Metadata {
  readonly resource: string
  readonly authorizationServers: readonly string[]
  readonly cookieName: string
  readonly hasSubscriptions: boolean
}

/** The metadata document: compact JSON, a line. */
export function metadataDocument(metadata: Metadata): string {
  const { authorizationServers, hasSubscriptions } = metadata
  const document = {
    resource: metadata.resource,
    bearer_methods_supported: ['header'],
    ...(authorizationServers.length > 0 ? { authorization_servers: authorizationServers } : {}),
    authorization_details_types_supported: ['https://mercure.rocks/authorization-detail'],
    mercure_cookie: metadata.cookieName,
    ...(hasSubscriptions ? { mercure_subscriptions: true } : {}),
  }
  return `${JSON.stringify(document)}\n`
}
