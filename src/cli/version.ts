import { readFileSync } from 'node:fs'

/** From the package this file belongs to, built or not. */
export function version(): string {
  for (const path of ['../../package.json', '../../../package.json']) {
    const found = packageAt(new URL(path, import.meta.url))
    if (found?.name === 'cinnabar') return String(found.version)
  }
  return 'unknown'
}

function packageAt(url: URL): { readonly name?: unknown; readonly version?: unknown } | undefined {
  try {
    return JSON.parse(readFileSync(url, 'utf8')) as { name?: unknown; version?: unknown }
  } catch {
    return undefined
  }
}
