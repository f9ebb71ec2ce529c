import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** A configuration file as it was written: every scalar is its text, `1e5` and `0x10` included. */
export interface ConfigFile {
  readonly entries: Readonly<Record<string, unknown>>
  readonly problems: readonly string[]
}

/**
 * Parses YAML, and JSON as its subset.
 *
 * The parser is loaded here and not at the top: it costs a tenth of the start-up time, and most hubs
 * have no file.
 */
export function parseConfigFile(path: string, text: string): ConfigFile {
  const { parseDocument } = require('yaml') as typeof import('yaml')
  const document = parseDocument(text, { schema: 'failsafe' })
  const wrong = [...document.errors, ...document.warnings]
  if (wrong.length > 0) return broken(wrong.map((error) => `${path}: ${firstLine(error.message)}`))
  try {
    return entriesOf(path, document.toJS({ maxAliasCount: 100 }))
  } catch (error) {
    return broken([`${path}: ${firstLine(String(error instanceof Error ? error.message : error))}`])
  }
}

function entriesOf(path: string, content: unknown): ConfigFile {
  if (content === null) return { entries: {}, problems: [] }
  if (typeof content !== 'object' || Array.isArray(content))
    return broken([`${path}: expected options such as "heartbeat: 40s"`])
  return { entries: content as Readonly<Record<string, unknown>>, problems: [] } // failsafe maps have string keys
}

function broken(problems: readonly string[]): ConfigFile {
  return { entries: {}, problems }
}

/** The parser's messages go on with an excerpt of the file, which may hold a key. */
function firstLine(message: string): string {
  return (message.split('\n')[0] ?? '').replace(/:$/, '')
}
