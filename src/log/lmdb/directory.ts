import { accessSync, constants, mkdirSync, statfsSync, statSync } from 'node:fs'
import { statfs } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** File systems on which LMDB's locks and shared maps do not hold (statfs(2), Linux). */
const networkFileSystems = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0x00c36400, 'Ceph'],
  [0x5346414f, 'AFS'],
  [0x0bd00bd0, 'Lustre'],
  [0x73757245, 'Coda'],
])

/**
 * Makes the directory of a store, readable by its owner only, and checks that it can hold one.
 *
 * @throws Error with a sentence for the operator
 */
export function preparePlace(directory: string): void {
  try {
    makeDirectory(resolve(directory))
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new Error(`transport_url: ${storeProblem(directory, error)}`, { cause: error })
  }
  const network = networkFileSystemAt(directory)
  if (network !== undefined)
    throw new Error(
      `transport_url: ${directory} is on a network file system (${network}), where LMDB's locks do not hold; put it on a local disk, or share a history through redis:`,
    )
}

/** Parents first, one by one: Node's own `recursive` never returns where the system refuses (/proc). */
function makeDirectory(directory: string): void {
  if (isDirectory(directory)) return
  const parent = dirname(directory)
  if (parent !== directory) makeDirectory(parent)
  try {
    mkdirSync(directory, { mode: 0o700 })
  } catch (error) {
    if (!isDirectory(directory)) throw error // else another process that starts now was first
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

/** The name of the network file system that a directory is on; undefined on a local one. */
export function networkFileSystemAt(directory: string): string | undefined {
  return networkFileSystems.get(statfsSync(directory).type >>> 0)
}

/** Bytes that an unprivileged process may still write there. */
export async function freeBytesAt(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory)
  return bavail * bsize
}

const problems: readonly (readonly [pattern: RegExp, problem: string])[] = [
  [/ENOSPC|No space left/i, 'the disk is full; free some of it, or choose another lmdb:PATH'],
  [/EDQUOT|quota/i, 'the disk quota is used up'],
  [
    /EROFS|Read-only file system/i,
    'the file system is read-only; choose another lmdb:PATH (MERCURE_TRANSPORT_URL)',
  ],
  [
    /EACCES|EPERM|Permission denied|not permitted/i,
    'the hub may not read and write there; give its user the directory (chown), or choose another lmdb:PATH',
  ],
  [/EFBIG|File too large/i, 'the file may not grow (file size limit)'],
  [
    /ENOTDIR|EEXIST|Not a directory/i,
    'it is not a directory; lmdb:PATH (MERCURE_TRANSPORT_URL) names one',
  ],
  [/EMFILE|ENFILE|Too many open files/i, 'too many files are open'],
  [/ENOMEM|Cannot allocate/i, 'there is no memory to map it'],
  [/EIO|Input\/output error/i, 'the disk reports an error'],
  [
    /MDB_INVALID|MDB_CORRUPTED|MDB_PAGE_NOTFOUND|MDB_VERSION_MISMATCH|MDB_BAD/,
    'the file is damaged; run "cinnabar check --repair"',
  ],
  [/MDB_READERS_FULL/, 'too many processes have it open'],
  [/MDB_PANIC|MDB_PROBLEM/, 'an earlier write failed'],
]

/** Why a store fails, as an operator would say it. */
export function storeProblem(directory: string, error: unknown): string {
  const { message = '', code = '' } = error as { message?: string; code?: string | number }
  const found = problems.find(([pattern]) => pattern.test(`${message} ${code}`))
  return `cannot use ${directory}: ${found?.[1] ?? message}`
}
