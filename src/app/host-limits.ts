import { readdirSync, readFileSync, statSync } from 'node:fs'

/**
 * Files that this process may have open at once, connections among them; undefined where the system
 * does not tell (it is asked through `/proc`).
 *
 * Node raises the soft limit to the hard one when it starts, so this is as much as there is to have.
 */
export function openFilesLimit(): number | undefined {
  const limits = readText('/proc/self/limits') ?? ''
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1]
  if (soft === undefined) return undefined
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft)
}

/** Files that this process has open now. Linux tells the number since 6.2; before, it takes a µs for each file. */
export function openFiles(): number | undefined {
  try {
    return statSync('/proc/self/fd').size || readdirSync('/proc/self/fd').length - 1 // but the one that lists them
  } catch {
    return undefined
  }
}

/** Connections that the kernel lets wait for `accept`, whatever a server asks for; undefined where it does not tell. */
export function acceptBacklogLimit(): number | undefined {
  const text = readText('/proc/sys/net/core/somaxconn')
  return text === undefined ? undefined : Number(text)
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
