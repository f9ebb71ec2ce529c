import { accessSync, constants, statSync } from 'node:fs'
import { join } from 'node:path'
import { probeStore } from '../probe.ts'
import { networkFileSystemAt, storeProblem } from '../directory.ts'
import { inspectStore, type StoreReport } from './inspect.ts'
import { pinSnapshot } from './snapshot-pin.ts'
import { RepairError, repairStore, type Repaired } from './rebuild.ts'
import { usersOf } from './lock-holders.ts'

/** `wrong` is what a hub would suffer from; the others only tell. */
export interface StoreFinding {
  readonly kind: 'ok' | 'wrong' | 'warning' | 'repaired'
  readonly what: string
}

export interface CheckOptions {
  readonly repair: boolean
  readonly compact: boolean
}

/** Checks a store, and mends it when that is asked for and nobody has it open. */
export async function checkStore(
  directory: string,
  { repair, compact }: CheckOptions,
): Promise<readonly StoreFinding[]> {
  const place = lookAt(directory)
  if (place.findings.length > 0 || !place.hasStore) return place.findings
  const users = await usersOf(directory)
  const inspected = await inspectAtRest(directory, users, place.isWritable)
  if ('kind' in inspected) return [inspected]

  const findings = await judge(directory, inspected, place.isWritable)
  const isSound = findings.every(({ kind }) => kind !== 'wrong')
  if (!compact && (!repair || isSound)) return findings
  if (!isSound && !repair)
    return [...findings, wrong('not compacted: the store needs --repair first')]
  const mended = await mend(directory, !isSound, inspected.fileBytes)
  // What was mended is no longer wrong; it is told all the same.
  const told = mended.some(({ kind }) => kind === 'wrong')
    ? findings
    : findings.filter(({ kind }) => kind !== 'ok').map(found)
  return [...told, ...mended]
}

interface Place {
  readonly findings: readonly StoreFinding[]
  readonly hasStore: boolean
  readonly isWritable: boolean
}

/** A store that does not exist yet is fine: a hub begins one. */
function lookAt(directory: string): Place {
  const nothing = { hasStore: false, isWritable: false }
  try {
    if (!statSync(directory).isDirectory())
      return { ...nothing, findings: [wrong(`cannot use ${directory}: it is not a directory`)] }
    const network = networkFileSystemAt(directory)
    if (network !== undefined)
      return {
        ...nothing,
        findings: [wrong(`${directory} is on a network file system (${network})`)],
      }
    const file = join(directory, 'data.mdb')
    if (statSync(file).size === 0) return { ...nothing, findings: [notYet(directory)] }
    accessSync(file, constants.R_OK)
    return { findings: [], hasStore: true, isWritable: isWritable(directory) && isWritable(file) }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      return { ...nothing, findings: [notYet(directory)] }
    return { ...nothing, findings: [wrong(storeProblem(directory, error))] }
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** While others write, the pages of one snapshot are kept from being used again. */
async function inspectAtRest(
  directory: string,
  users: readonly string[],
  isWritable: boolean,
): Promise<StoreReport | StoreFinding> {
  const unpin = users.length > 0 && isWritable ? await pinSnapshot(directory) : () => {}
  try {
    return inspectStore(directory)
  } catch (error) {
    return wrong(storeProblem(directory, error))
  } finally {
    unpin()
  }
}

async function judge(
  directory: string,
  report: StoreReport,
  isWritable: boolean,
): Promise<readonly StoreFinding[]> {
  const findings = [
    ...report.wrong.map(wrong),
    ...report.notes.map((what): StoreFinding => ({ kind: 'warning', what })),
  ]
  if (!isWritable) findings.push(wrong(`cannot use ${directory}: the hub may not write there`))
  // LMDB's own word, from a process that may die of it.
  else if (report.wrong.length === 0) {
    const problem = await probeStore(directory).then(
      () => undefined,
      (error: Error) => error.message.replace(/^transport_url: /, ''),
    )
    if (problem !== undefined) findings.push(wrong(problem))
  }
  if (findings.some(({ kind }) => kind === 'wrong')) return findings
  return [{ kind: 'ok', what: summaryOf(report) }, ...findings]
}

async function mend(
  directory: string,
  keepsOld: boolean,
  bytesBefore: number,
): Promise<readonly StoreFinding[]> {
  try {
    const repaired = await repairStore(directory, {
      keepsOld,
      expectAlone: () => expectAlone(directory),
    })
    const bytes = statSync(join(directory, 'data.mdb')).size
    return [...tell(repaired), mendedInto(repaired, bytes, bytesBefore, keepsOld)]
  } catch (error) {
    const reason = error instanceof RepairError ? error.message : storeProblem(directory, error)
    return [wrong(`not ${keepsOld ? 'repaired' : 'compacted'}: ${reason}`)]
  }
}

async function expectAlone(directory: string): Promise<void> {
  const users = await usersOf(directory)
  if (users.length > 0)
    throw new RepairError(`${users.join(', ')} has the store open; stop it first`)
}

function tell({ dropped, notes }: Repaired): readonly StoreFinding[] {
  return [
    ...dropped.map((what): StoreFinding => ({ kind: 'repaired', what })),
    ...notes.map((what): StoreFinding => ({ kind: 'repaired', what })),
  ]
}

function mendedInto(
  { state }: Repaired,
  bytes: number,
  bytesBefore: number,
  wasDamaged: boolean,
): StoreFinding {
  const verb = wasDamaged ? 'repaired' : 'compacted'
  return {
    kind: wasDamaged ? 'repaired' : 'ok',
    what: `${verb}: ${entriesOf(state)}; ${inMegabytes(bytesBefore)} before, ${inMegabytes(bytes)} now`,
  }
}

function summaryOf({ state, fileBytes }: StoreReport): string {
  const entries = state === undefined ? 'nothing stored yet' : entriesOf(state)
  return `${entries}; ${inMegabytes(fileBytes)}; every page, record and index row is sound`
}

function entriesOf({ first, head }: { readonly first: number; readonly head: number }): string {
  const count = head - first + 1
  return count === 0 ? 'no entries' : `${count} entries, ${first} to ${head}`
}

function inMegabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}

function notYet(directory: string): StoreFinding {
  return { kind: 'ok', what: `${directory} holds no history yet; a hub begins one` }
}

function wrong(what: string): StoreFinding {
  return { kind: 'wrong', what }
}

function found({ what }: StoreFinding): StoreFinding {
  return { kind: 'warning', what }
}
