/** What a page has and Node.js has not; all of it may be absent. */
export interface Page {
  readonly location?: { readonly href: string }
  readonly sessionStorage?: {
    getItem(key: string): string | null
    setItem(key: string, value: string): void
  }
  readonly navigator?: { readonly locks?: Locks }
  readonly document?: EventTarget
  addEventListener?(type: string, listener: (event: Event) => void): void
  removeEventListener?(type: string, listener: (event: Event) => void): void
}

export interface Locks {
  request(
    name: string,
    options: { readonly signal?: AbortSignal },
    held: () => Promise<void>,
  ): Promise<void>
}

export const page = globalThis as unknown as Page

export interface PageLife {
  /** The page is put away: nothing may stay open. */
  away(): void
  /** It is there again. */
  back(): void
  /** The network is there again. */
  online(): void
}

/** Tells of a page that the browser puts into its back-forward cache, and of the network. Returns how to stop. */
export function watchPage(life: PageLife): () => void {
  const listeners = {
    pagehide: (event: Event) => isPersisted(event) && life.away(),
    pageshow: (event: Event) => isPersisted(event) && life.back(),
    online: () => life.online(),
  }
  for (const [type, listener] of Object.entries(listeners)) page.addEventListener?.(type, listener)
  return () => {
    for (const [type, listener] of Object.entries(listeners))
      page.removeEventListener?.(type, listener)
  }
}

/** Whether the page goes into that cache, or comes out of it. */
function isPersisted(event: Event): boolean {
  return 'persisted' in event && event.persisted === true
}

/** The hub's URL, in a page also a relative one. */
export function resolveHub(hub: string | URL): URL {
  return new URL(hub, page.location?.href)
}
