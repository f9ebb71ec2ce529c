import { readRemembered } from '../append-plan.ts'
import { isIntact } from '../../record.ts'
import type { State } from '../state.ts'
import { epochOf, positionOf, readMetaTable, stateOf } from './inspect.ts'
import {
  bigPagesAt,
  emptyNode,
  keyOf,
  type Node,
  nodeCount,
  readNode,
  valueOf,
  valueOffset,
} from './page-nodes.ts'
import { Places } from './record-offsets.ts'
import type { Survey } from './survey.ts'

/** Everything of a store that is whole. */
export interface Salvage {
  /** Undefined when the row that names the history is lost, or it cannot be told where it stood. */
  readonly epoch: string | undefined
  /** The newest that was found. */
  readonly state: State | undefined
  readonly places: Places
  readonly once: readonly { readonly key: Buffer; readonly row: Buffer; readonly untilMs: number }[]
  readonly marks: readonly { readonly key: Buffer; readonly value: Buffer }[]
}

/**
 * Collects what a store still holds: first by its trees, then, where those are damaged, page by page.
 *
 * A record shows by its checksum, which covers its position, that it is whole. So a page of the table
 * of entries needs no tree above it; what no tree leads to, and is no free page either, is looked
 * through for such records. Free pages are only looked at when it cannot be told which are free.
 */
export function salvage(survey: Survey): Salvage {
  const places = new Places()
  const found = readMetaTable(survey)
  survey.walk('entries', (node, page) => addEntry(survey, places, node, page))
  const once = onceRows(survey)
  const marks = markRows(survey)
  for (const name of ['ids', 'expiries']) survey.walk(name)
  survey.walkFreePages()

  const isComplete = survey.damage.length === 0 && found.state !== undefined
  if (isComplete) return { epoch: found.epoch, state: found.state, places, once, marks }
  const { state, epoch = found.epoch } = scanPages(survey, places)
  const isNewer = state !== undefined && state.revision > (found.state?.revision ?? 0)
  // Where the newest state is lost, positions may have been given that nobody remembers: another history.
  const isSameHistory = found.state !== undefined && !isNewer
  return {
    epoch: isSameHistory ? epoch : undefined,
    state: isNewer ? state : found.state,
    places,
    once,
    marks,
  }
}

function addEntry(survey: Survey, places: Places, node: Node, page: number): void {
  const position = positionOf(keyOf(node))
  if (position === undefined) return
  const record = valueOf(survey.file, node)
  if (record === undefined || !isIntact(record, position)) return
  places.add(position, valueOffset(survey.file, node, page), record.length)
}

function onceRows(survey: Survey): Salvage['once'] {
  const rows: Salvage['once'][number][] = []
  survey.walk('once', (node) => {
    const row = valueOf(survey.file, node)
    const remembered = row && readRemembered(row)
    if (row === undefined || remembered === undefined) return
    if (!Number.isFinite(remembered.untilMs)) return
    const [key, copy] = [Buffer.from(keyOf(node)), Buffer.from(row)]
    rows.push({ key, row: copy, untilMs: remembered.untilMs })
  })
  return rows
}

function markRows(survey: Survey): Salvage['marks'] {
  const rows: Salvage['marks'][number][] = []
  survey.walk('marks', (node) => {
    const value = valueOf(survey.file, node)
    if (value !== undefined) rows.push({ key: Buffer.from(keyOf(node)), value: Buffer.from(value) })
  })
  return rows
}

/** Looks through the pages that no tree leads to. What the trees led to comes first in `places`. */
function scanPages(
  survey: Survey,
  places: Places,
): { readonly state: State | undefined; readonly epoch: string | undefined } {
  let state: State | undefined
  let epoch: string | undefined
  const { file } = survey
  const isEverythingSuspect =
    survey.isHeadDamaged || survey.damaged.has('free pages') || survey.damaged.has('meta')
  const node = emptyNode()
  for (let number = 2; number < file.pageCount; number++) {
    if (survey.isUsed(number) && !survey.damagedPages.has(number) && !isEverythingSuspect) continue
    const page = file.page(number)
    if (page === undefined) continue
    const run = bigPagesAt(page, number)
    if (run > 1) number += run - 1 // what publishers sent must not be taken for pages of ours
    if (run > 0) continue
    for (let index = 0; index < Math.min(nodeCount(page), mostNodes); index++) {
      if (!readNode(page, index, node)) continue
      const keyBytes = node.keyEnd - node.keyStart
      if (keyBytes === 8) addEntry(survey, places, node, number)
      if (keyBytes !== 5) continue
      const row = valueOf(file, node)
      if (row === undefined) continue
      const older = state?.revision ?? 0
      const one = stateOf(node, row)
      if (one !== undefined && one.revision > older) state = one
      epoch ??= epochOf(node, row)
    }
  }
  return { state, epoch }
}

/** A page of 64 KiB has room for no more. */
const mostNodes = 6_553
