import type { Filter } from './events-panel.tsx'
import type { FeedWish } from './feed.ts'
import type { UpdateWish } from './spelling.ts'

// What outlives a reload, and whether what stands in the storage is still that. Data is not among it: it may
// be anything, and neither are tokens and keys.

export const noUpdate: Omit<UpdateWish, 'data'> = {
  topics: ['https://example.com/books/7'],
  type: '',
  id: '',
  retry: '',
  isPrivate: false,
}

export const noWish: FeedWish = {
  name: 'books',
  matchers: [{ type: 'urlpattern', pattern: 'https://example.com/books/:id' }],
  after: '',
}

export function isUpdateForm(value: unknown): value is Omit<UpdateWish, 'data'> {
  if (!isObject(value)) return false
  const { topics, type, id, retry, isPrivate } = value
  return (
    areTexts(topics) &&
    topics.length > 0 &&
    areTexts([type, id, retry]) &&
    typeof isPrivate === 'boolean'
  )
}

export function isFeedWish(value: unknown): value is FeedWish {
  if (!isObject(value)) return false
  const { name, matchers, after } = value
  return (
    areTexts([name, after]) &&
    Array.isArray(matchers) &&
    matchers.length > 0 &&
    matchers.every(isMatcher)
  )
}

export function isFilter(value: unknown): value is Filter {
  return (
    isObject(value) && areTexts([value['text'], value['type']]) && typeof value['feed'] === 'number'
  )
}

function isMatcher(value: unknown): boolean {
  if (!isObject(value)) return false
  const { type, pattern } = value
  return ['exact', 'urlpattern', 'selector'].includes(type as string) && typeof pattern === 'string'
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function areTexts(values: unknown): values is readonly string[] {
  return Array.isArray(values) && values.every((value) => typeof value === 'string')
}
