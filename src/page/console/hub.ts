import type { Stats, StreamList, StreamRow } from '../../http/operators/console/source.ts'

/** An update of the history, without its payload. */
export interface HistoryRow {
  readonly position: number
  readonly timeMs: number
  readonly kind: string
  readonly id: string
  readonly topics: readonly string[]
  readonly type: string
  readonly isPrivate: boolean
  readonly bytes: number
}

export interface HistoryPage {
  readonly first: number
  readonly head: number
  readonly entries: readonly HistoryRow[]
  readonly older: number
  readonly newer: number
  readonly cursor: string
}

/** The hub answered, and not as it was asked; 0 when nobody answered. */
export class Refused extends Error {
  readonly status: number

  constructor(status: number, sentence: string) {
    super(sentence)
    this.status = status
  }
}

/** In memory alone: a reload asks again. */
let token = ''

export function presentToken(text: string): void {
  token = text
}

export function stats(afterS: number, lines: number): Promise<Stats> {
  return ask(`debug/stats?after=${afterS}&lines=${lines}`)
}

export function streams(search: string): Promise<StreamList> {
  return ask(`debug/streams?limit=200&search=${encodeURIComponent(search)}`)
}

export function history(query: string): Promise<HistoryPage> {
  return ask(`debug/history?limit=20&${query}`)
}

export function payload(position: number): Promise<{ readonly data: string }> {
  return ask(`debug/history/${position}`)
}

export function republish(position: number): Promise<{ readonly id: string }> {
  return ask(`debug/history/${position}/republish`, {})
}

export function kick(target: StreamRow['target']): Promise<{ readonly closed: number }> {
  return ask('kick', target)
}

async function ask<T>(path: string, body?: object): Promise<T> {
  const headers: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` }
  if (body !== undefined) headers['content-type'] = 'application/json'
  const method = body === undefined ? 'GET' : 'POST'
  const signal = AbortSignal.timeout(5_000)
  let response
  try {
    response = await fetch(path, { method, headers, signal, body: JSON.stringify(body) })
  } catch {
    throw new Refused(0, 'the hub does not answer')
  }
  if (response.ok) return response.json() as Promise<T>
  throw new Refused(response.status, sentenceIn(await response.text()))
}

/** A refusal is a problem document, or a few words. */
function sentenceIn(text: string): string {
  try {
    const { detail, error } = JSON.parse(text) as { detail?: string; error?: string }
    return detail ?? error ?? text
  } catch {
    return text.trim()
  }
}
