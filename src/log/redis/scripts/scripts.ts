import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { longId } from '../keys.ts'

/**
 * The scripts that run inside Redis, each one step that nobody comes between.
 *
 * A script is isolated but not rolled back: each looks at the type of every key and at all it was given
 * before its first write. The keys are those of `keysOf`, in its order; positions are in decimal digits.
 */
export interface Script {
  readonly source: string
  readonly sha: string
}

/** Bytes of stream node, index and expiry beside an entry's text (estimated). */
const overheadBytes = 180

/** What all scripts begin with; the numbers in it have their home in TypeScript. */
const words = `local longId, overheadBytes = ${longId}, ${overheadBytes}\n${textOf('words')}`

function script(name: string, flags = ''): Script {
  const source = `#!lua${flags}\n${words}${textOf(name)}`
  return { source, sha: createHash('sha1').update(source).digest('hex') }
}

function textOf(name: string): string {
  return readFileSync(new URL(`./${name}.lua`, import.meta.url), 'utf8')
}

/** Begins a history where there is none; mends what says where it stands when the stream was changed by hand. */
export const begin = script('begin', ' flags=allow-oom')

/**
 * ARGV: epoch, newest position known, milliseconds that the token is kept, most keys, most marks, then
 * for each append: updates, once (key, fingerprint, window, ids), how many marks, each (name, 1 and from, 1 and to), records.
 */
export const append = script('append')

/**
 * ARGV: updates at most, their bytes at most, entries before this time go, notices at most, their bytes at
 * most (0: no limit), how many to drop and keys to forget in this step, payload bytes to look at.
 */
export const trim = script('trim', ' flags=allow-oom')

/** Where the history stands. ARGV: a position, whose time and checksum come along when it is kept. */
export const look = script('look', ' flags=no-writes')

/**
 * The entries after a position: the first position kept, the first from which all notices are kept, then
 * id, time and record of each.
 *
 * ARGV: after, up to, most entries, most bytes of records (one entry is always handed over).
 */
export const page = script('page', ' flags=no-writes')

/** Marks by name, and the head they are exact for. ARGV: the range of names as ZRANGEBYLEX takes it, how many. */
export const list = script('list', ' flags=no-writes')

/** Gives the history a new epoch, because entries that were read are gone from it. ARGV: epoch, new epoch, past (fingerprints.ts). */
export const renew = script('renew', ' flags=allow-oom')

export const scripts = [begin, append, trim, look, page, list, renew]
