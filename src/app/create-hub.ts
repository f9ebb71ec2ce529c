import type { FastifyInstance } from 'fastify'
import { loadSettings } from '../config/load.ts'
import { mercure } from '../http/plugin.ts'
import { Grants } from '../protocol/grants.ts'
import { compileMatcher } from '../protocol/matcher.ts'
import { hubPath } from '../protocol/reserved.ts'
import { parseRetry } from '../protocol/update.ts'
import { assemble } from './assemble.ts'

/** An update that the embedding application publishes itself; it needs no token. */
export interface OwnUpdate {
  readonly topic: string | readonly string[]
  readonly data?: string
  readonly private?: boolean
  readonly id?: string
  readonly type?: string
  /** Reconnection time in milliseconds. */
  readonly retry?: number
}

/** A hub inside another program. */
export interface EmbeddedHub {
  /** The protocol's routes; register it on a Fastify server: `await app.register(hub.plugin)`. */
  readonly plugin: (app: FastifyInstance) => Promise<void>
  /** Publishes and resolves with the id. Throws HubError like a POST would. */
  publish(update: OwnUpdate): Promise<string>
  /** Lets every stream go and closes the history, as closing a server that has the plugin does. */
  close(): Promise<void>
}

const everything = new Grants([
  {
    actions: new Set(['publish'] as const),
    topics: [compileMatcher('exact', '*', `http://localhost${hubPath}`)],
  },
])

/**
 * Opens a hub for a program of your own.
 *
 * @param options the keys of the configuration file, such as `{ transport_url: 'memory:', anonymous: true }`
 * @throws ConfigError with every problem of the options; Error when history or keys cannot be opened
 */
export async function createHub(
  options: Readonly<Record<string, unknown>> = {},
): Promise<EmbeddedHub> {
  const { settings } = loadSettings({
    argv: ['--config', 'createHub.json'],
    env: {},
    readFile: () => JSON.stringify(options),
  })
  const silent = { info() {}, warn() {}, error() {}, debug() {} }
  const assembly = await assemble(settings, silent)
  const hubUrl =
    settings.resourceIdentifier ?? `${settings.publicUrls[0] ?? 'http://localhost'}${hubPath}`
  return {
    plugin: async (app) => {
      app.addHook('preClose', () => assembly.close()) // or the server would wait for its streams
      await app.register(mercure, assembly.plugin)
    },
    publish: async ({
      topic,
      data = '',
      private: isPrivate = false,
      id = '',
      type = '',
      retry = 0,
    }) =>
      assembly.hub.publish(
        {
          topics: typeof topic === 'string' ? [topic] : topic,
          data,
          isPrivate,
          id,
          type,
          retry: parseRetry(String(retry)),
        },
        { grants: everything, hubUrl },
      ),
    close: () => assembly.close(),
  }
}
