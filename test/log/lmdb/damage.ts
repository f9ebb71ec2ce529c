import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { open } from 'lmdb'
import type { Entry } from '../../../src/log/log.ts'
import { keyOf, valueOf, valueOffset } from '../../../src/log/lmdb/repair/page-nodes.ts'
import { positionOf } from '../../../src/log/lmdb/repair/inspect.ts'
import { Survey } from '../../../src/log/lmdb/repair/survey.ts'
import { readRecord } from '../../../src/log/record.ts'

const pageBytes = 4096

/** Copies the file of a store to a place of its own. */
export function copyStore(from: string, to: string): string {
  mkdirSync(to, { recursive: true, mode: 0o700 })
  copyFileSync(join(from, 'data.mdb'), join(to, 'data.mdb'))
  return to
}

/** On which pages each entry stands. */
export function pagesOfEntries(folder: string): Map<number, readonly number[]> {
  const survey = new Survey(join(folder, 'data.mdb'))
  const pages = new Map<number, readonly number[]>()
  survey.walk('entries', (node, page) => {
    const first = Math.floor(valueOffset(survey.file, node, page) / pageBytes)
    const end = valueOffset(survey.file, node, page) + node.valueBytes
    const own = Array.from({ length: Math.ceil(end / pageBytes) - first }, (_, i) => first + i)
    pages.set(positionOf(keyOf(node)) ?? 0, [page, ...own])
  })
  survey.close()
  return pages
}

/** The entries that can be read, without LMDB. */
export function entriesIn(folder: string): readonly Entry[] {
  const survey = new Survey(join(folder, 'data.mdb'))
  const entries: Entry[] = []
  survey.walk('entries', (node) => {
    const record = valueOf(survey.file, node)
    const entry = record && readRecord(record, positionOf(keyOf(node)) ?? 0)
    if (entry !== undefined) entries.push(entry)
  })
  survey.close()
  return entries
}

export interface Damage {
  readonly what: string
  /** Pages whose bytes were changed. */
  readonly pages: ReadonlySet<number>
  /** Set when the file says less than before in a way that no checksum covers. */
  readonly isTruncation: boolean
}

/** Damages a store in one of many ways, as `random` has it. */
export async function damage(folder: string, random: () => number): Promise<Damage> {
  const kinds = [
    flipBits,
    flipBits,
    flipBits,
    flipByteRun,
    zeroPages,
    truncate,
    dropRows,
    swapPages,
  ]
  const kind = kinds[Math.floor(random() * kinds.length)] ?? flipBits
  return kind(folder, random)
}

function flipBits(folder: string, random: () => number): Damage {
  const count = 1 + Math.floor(random() * random() * 12)
  const pages = new Set<number>()
  withFile(folder, (fd, size) => {
    for (let i = 0; i < count; i++) {
      const at = Math.floor(random() * size)
      const byte = readFileSync(join(folder, 'data.mdb'))[at] ?? 0
      writeSync(fd, Buffer.of(byte ^ (1 << Math.floor(random() * 8))), 0, 1, at)
      pages.add(Math.floor(at / pageBytes))
    }
  })
  return { what: `${count} bits`, pages, isTruncation: false }
}

/** What a bad sector or a stray write leaves. */
function flipByteRun(folder: string, random: () => number): Damage {
  const length = 1 + Math.floor(random() * 600)
  const noise = Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)))
  let at = 0
  withFile(folder, (fd, size) => {
    at = Math.floor(random() * (size - length))
    writeSync(fd, noise, 0, length, at)
  })
  return { what: `${length} bytes of noise`, pages: span(at, length), isTruncation: false }
}

function zeroPages(folder: string, random: () => number): Damage {
  const count = 1 + Math.floor(random() * 3)
  let at = 0
  withFile(folder, (fd, size) => {
    at = pageBytes * Math.floor(random() * (size / pageBytes - count))
    writeSync(fd, Buffer.alloc(count * pageBytes), 0, count * pageBytes, at)
  })
  return { what: `${count} zeroed pages`, pages: span(at, count * pageBytes), isTruncation: false }
}

function truncate(folder: string, random: () => number): Damage {
  const file = join(folder, 'data.mdb')
  const { size } = statSync(file)
  const left = Math.floor(size * random())
  truncateSync(file, left)
  return {
    what: `cut to ${left} of ${size} bytes`,
    pages: span(left, size - left),
    isTruncation: true,
  }
}

/** One page written in the place of another, as a disk does that mistakes an address. */
function swapPages(folder: string, random: () => number): Damage {
  let at = 0
  withFile(folder, (fd, size) => {
    const bytes = readFileSync(join(folder, 'data.mdb'))
    const pages = size / pageBytes
    const from = pageBytes * Math.floor(random() * pages)
    at = pageBytes * Math.floor(random() * pages)
    writeSync(fd, bytes, from, pageBytes, at)
  })
  return { what: 'a page of another place', pages: span(at, pageBytes), isTruncation: false }
}

/** Rows removed from one table behind the back of the others. */
async function dropRows(folder: string, random: () => number): Promise<Damage> {
  const binary = { encoding: 'binary', keyEncoding: 'binary' } as const
  const root = open<Buffer, Buffer>({ path: folder, noSubdir: false, maxDbs: 8, ...binary })
  const name = (['ids', 'entries', 'once', 'expiries'] as const)[Math.floor(random() * 4)] ?? 'ids'
  const table = root.openDB<Buffer, Buffer>(name, {
    ...binary,
    dupSort: name === 'ids' || name === 'expiries',
  })
  const rows = [...table.getRange()].map(({ key, value }) => ({
    key: Buffer.from(key),
    value: Buffer.from(value),
  }))
  const count = 1 + Math.floor(random() * 5)
  for (let i = 0; i < count; i++) {
    const row = rows[Math.floor(random() * rows.length)]
    if (row !== undefined) await table.remove(row.key, row.value)
  }
  await root.close()
  return { what: `${count} rows of ${name}`, pages: new Set(), isTruncation: false }
}

function withFile(folder: string, work: (fd: number, size: number) => void): void {
  const file = join(folder, 'data.mdb')
  const fd = openSync(file, 'r+')
  work(fd, statSync(file).size)
  closeSync(fd)
}

function span(at: number, length: number): Set<number> {
  const from = Math.floor(at / pageBytes)
  const count = Math.ceil((at + length) / pageBytes) - from
  return new Set(Array.from({ length: count }, (_, i) => from + i))
}
