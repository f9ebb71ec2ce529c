import { useEffect, useState } from 'preact/hooks'

/** Something that changes by itself, outside of what is drawn. */
export class Store {
  readonly #watchers = new Set<() => void>()

  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  changed(): void {
    for (const watcher of this.#watchers) watcher()
  }
}

/** Draws again whenever the store changes. */
export function useStore<T extends Store>(store: T): T {
  const [, draw] = useState(0)
  useEffect(() => store.watch(() => draw((times) => times + 1)), [store])
  return store
}
