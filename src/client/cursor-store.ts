import type { CursorStore, Matchers, SubscribeOptions } from './options.ts'
import { page, resolveHub } from './page.ts'
import { listOf } from './request.ts'

/** What two subscriptions have in common when they have the same name. */
export function nameOf(hub: string | URL, { match, urlPattern, topic }: Matchers): string {
  const lists = [match, urlPattern, topic].map((values) => [...listOf(values)].sort())
  return `cinnabar ${resolveHub(hub).href} ${JSON.stringify(lists)}`
}

/** Where a cursor is kept; undefined for nowhere. */
export function storeFor(
  persist: SubscribeOptions['persist'],
  hub: string | URL,
  matchers: Matchers,
): CursorStore | undefined {
  if (persist === undefined || persist === false) return undefined
  if (typeof persist === 'object') return persist
  const key = persist === true ? nameOf(hub, matchers) : persist
  return {
    load: () => page.sessionStorage?.getItem(key),
    save: (lastEventId) => page.sessionStorage?.setItem(key, lastEventId),
  }
}
