import { readdirSync, readFileSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { isWakeSocket } from '../wake-socket.ts'

/**
 * Who has a store open: process ids where the system tells them, else `another process`.
 *
 * LMDB holds a shared lock on its lock file as long as it is open, which Linux lists; and each hub
 * listens on a socket beside the store, which is heard from another container too.
 */
export async function usersOf(directory: string): Promise<readonly string[]> {
  const pids = lockHolders(join(directory, 'lock.mdb'))
  if (pids.length > 0) return pids.map((pid) => `process ${pid}`)
  return (await hasLiveSocket(directory)) ? ['another process'] : []
}

/** `1: POSIX  ADVISORY  READ 4711 fe:00:131 0 0`: the process, then device and file. */
function lockHolders(path: string): readonly number[] {
  try {
    const { ino } = statSync(path)
    const locks = readFileSync('/proc/locks', 'utf8').matchAll(
      /^\d+: POSIX\s+\S+\s+\S+\s+(\d+) \w+:\w+:(\d+) /gm,
    )
    // Devices are numbered otherwise on some file systems; two files of one number are unlikely.
    const pids = [...locks]
      .filter(([, , file]) => Number(file) === ino)
      .map(([, pid]) => Number(pid))
    return [...new Set(pids)].filter((pid) => pid !== process.pid)
  } catch {
    return [] // no such file, or no such system
  }
}

async function hasLiveSocket(directory: string): Promise<boolean> {
  for (const name of readdirSync(directory).filter(isWakeSocket))
    if (await isAnswered(join(directory, name))) return true
  return false
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
