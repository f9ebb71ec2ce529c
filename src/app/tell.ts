import type { Logger } from 'pino'

/** What an assembly tells: pino's shape, so that pino fits; silent when embedded without one. */
export type Teller = Pick<Logger, 'info' | 'warn' | 'error' | 'debug'>
