import { isIP } from 'node:net'

/** True for a host that only this machine reaches: `localhost`, `*.localhost`, `127.0.0.0/8`, `::1` (brackets allowed). */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  if (name === 'localhost' || name.endsWith('.localhost')) return true
  return isIP(name) === 4 ? name.startsWith('127.') : name === '::1'
}

/**
 * True for the origins that `localOrigins` admits: `http` or `https`, any port, on `localhost`,
 * `*.localhost` or `127.0.0.1`.
 */
export function isLocalOrigin(origin: string): boolean {
  return /^https?:\/\/(?:(?:[a-z0-9-]+\.)*localhost|127\.0\.0\.1)(?::\d{1,5})?$/i.test(origin)
}
