import { get } from 'node:http'
import { isIPv6 } from 'node:net'

/** Where to listen, and the options that say so. */
export interface Place {
  readonly hostOption: 'host' | 'admin_host'
  readonly portOption: 'port' | 'admin_port'
  readonly host: string
  readonly port: number
}

/**
 * Runs `listen` for a place.
 *
 * @throws Error naming the option, what is in the way, and what to do
 */
export async function listeningAt<T>(place: Place, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen()
  } catch (cause) {
    throw new Error(await problemAt(place, cause as NodeJS.ErrnoException), { cause })
  }
}

async function problemAt(place: Place, error: NodeJS.ErrnoException): Promise<string> {
  const { host, port, hostOption, portOption } = place
  const other = `choose another port (${spellings(portOption)})`
  const otherHost = `choose another address (${spellings(hostOption)})`
  if (error.code === 'EADDRINUSE')
    return `${portOption}: ${port} on ${host} is taken by ${await occupantOf(host, port)}; end that, or ${other}`
  if (error.code === 'EACCES')
    return `${portOption}: the system does not let this user listen on ${port}; ${other}, such as one above 1023`
  if (error.code === 'EADDRNOTAVAIL')
    return `${hostOption}: this machine has no address ${host}; ${otherHost}`
  if (error.code === 'ENOTFOUND' || error.code === 'EAI_AGAIN')
    return `${hostOption}: the name ${host} cannot be resolved; ${otherHost}`
  return `${hostOption}, ${portOption}: cannot listen on ${host} port ${port} (${error.message})`
}

function spellings(option: string): string {
  return `--${option.replaceAll('_', '-')}, MERCURE_${option.toUpperCase()}`
}

const lookMs = 1_000
const mostBytes = 16_384

interface Look {
  readonly status: number
  readonly server: string
  readonly text: string
}

/** What answers on a port that is taken, as far as it can be told from outside within a second. */
async function occupantOf(host: string, port: number): Promise<string> {
  const [health, config, root] = await Promise.all(
    ['/health/live', '/config/', '/'].map((path) => lookAt(host, port, path)),
  )
  const answer = root ?? health ?? config
  if (answer === undefined) return 'another program, which does not answer HTTP'
  if (health?.status === 200 && health.text.startsWith('{"status":'))
    return 'what looks like another Cinnabar hub'
  if (config?.status === 200 && /^(?:null|\{"(?:admin|apps|logging|storage)")/.test(config.text))
    return 'what looks like the admin endpoint of Caddy'
  const title = /<title>([^<]{1,60})<\/title>/i.exec(answer.text)?.[1]
  const name = answer.server === '' ? title : answer.server
  const described = name === undefined ? '' : `, ${JSON.stringify(name.trim())}`
  return `something that answers HTTP (status ${answer.status}${described})`
}

/** Undefined when there is no answer in time. Never rejects. */
function lookAt(host: string, port: number, path: string): Promise<Look | undefined> {
  const reachable = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host
  const name = isIPv6(reachable) ? `[${reachable}]` : reachable
  return new Promise((resolve) => {
    const request = get({ host: reachable, port, path, headers: { host: `${name}:${port}` } })
    const timer = setTimeout(() => request.destroy(), lookMs)
    let isAnswered = false
    request.on('response', (response) => {
      isAnswered = true
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        if (text.length > mostBytes) request.destroy()
      })
      response.on('error', () => {})
      response.on('close', () => {
        const server = String(response.headers.server ?? '').slice(0, 60)
        resolve({ status: response.statusCode ?? 0, server, text: text.trimStart() })
      })
    })
    request.on('error', () => {})
    request.on('close', () => {
      clearTimeout(timer)
      if (!isAnswered) resolve(undefined) // else the response closes too, perhaps later
    })
  })
}
