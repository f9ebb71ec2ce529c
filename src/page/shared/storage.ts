import { useState } from 'preact/hooks'

/**
 * State that outlives a reload, in `localStorage` under `cinnabar.NAME`. Never for a token or a key.
 *
 * What stands there is checked by `isValid`: it may be of another version of the page.
 */
export function useRemembered<T>(
  name: string,
  initial: T,
  isValid: (value: unknown) => value is T,
): readonly [T, (value: T) => void] {
  const [value, setValue] = useState(() => recall(name, initial, isValid))
  const set = (next: T) => {
    setValue(next)
    remember(name, next)
  }
  return [value, set]
}

export function recall<T>(name: string, initial: T, isValid: (value: unknown) => value is T): T {
  try {
    const text = localStorage.getItem(`cinnabar.${name}`)
    const value: unknown = text === null ? undefined : JSON.parse(text)
    return isValid(value) ? value : initial
  } catch {
    return initial
  }
}

export function remember(name: string, value: unknown): void {
  try {
    localStorage.setItem(`cinnabar.${name}`, JSON.stringify(value))
  } catch {
    // full, or forbidden: the page works without a memory
  }
}

export function isText(value: unknown): value is string {
  return typeof value === 'string'
}

export function isOneOf<T extends string>(...options: readonly T[]) {
  return (value: unknown): value is T => options.includes(value as T)
}
