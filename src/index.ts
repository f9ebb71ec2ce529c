export { createHub, type EmbeddedHub, type OwnUpdate } from './app/create-hub.ts'
export { ConfigError } from './config/load.ts'
export { type ErrorCode, HubError } from './protocol/errors.ts'
