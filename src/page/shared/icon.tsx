import type { ComponentChildren } from 'preact'

const drawings = {
  dot: <circle cx="8" cy="8" r="4" fill="currentColor" />,
  theme: (
    <>
      <circle cx="8" cy="8" r="5.5" />
      <path d="M8 2.5a5.5 5.5 0 0 1 0 11Z" fill="currentColor" />
    </>
  ),
  stop: (
    <>
      <circle cx="8" cy="8" r="6" />
      <path d="M6 6h4v4H6Z" />
    </>
  ),
  refused: (
    <>
      <circle cx="8" cy="8" r="6" />
      <path d="m4 4 8 8" />
    </>
  ),
  again: <path d="M13 8a5 5 0 1 1-1.5-3.5M13 2.5v3h-3" />,
  ended: <path d="M3 8h7M12.5 4v8" />,
  play: <path d="M5 3.5v9l7-4.5Z" />,
  pause: <path d="M5.5 3.5v9m5-9v9" />,
  warning: (
    <>
      <path d="M8 2 1.5 13.5h13Z" />
      <path d="M8 6.5v3.5m0 1.8v.2" />
    </>
  ),
  save: <path d="M8 2.5v8m-3.5-3.5L8 10.5 11.5 7M3 13.5h10" />,
  add: <path d="M8 3.5v9M3.5 8h9" />,
  remove: <path d="M3.5 8h9" />,
  check: <path d="m3 8.5 3.5 3.5L13 4.5" />,
  close: <path d="m4 4 8 8m0-8-8 8" />,
  lock: (
    <>
      <rect x="3.5" y="7" width="9" height="6.5" rx="1" />
      <path d="M5.5 7V5a2.5 2.5 0 0 1 5 0v2" />
    </>
  ),
} satisfies Record<string, ComponentChildren>

export type IconName = keyof typeof drawings

/** A drawing beside a word; it says nothing by itself. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="ico" viewBox="0 0 16 16" aria-hidden="true">
      {drawings[name]}
    </svg>
  )
}
