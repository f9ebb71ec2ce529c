import { useEffect, useRef } from 'preact/hooks'

/** What a key does, in words for the list that `?` shows. */
export interface Shortcut {
  /** As `KeyboardEvent.key` says it. */
  readonly key: string
  /** How the key is called in the list. */
  readonly name: string
  readonly does: string
  readonly run: () => void
}

/**
 * Single keys for the whole page. They rest while somebody types, with a modifier, and where a key means something
 * already: Space presses the button or opens the row that has the focus. Off altogether when `isOn` is false.
 */
export function useShortcuts(shortcuts: readonly Shortcut[], isOn: boolean): void {
  const current = useRef(shortcuts)
  current.current = shortcuts
  useEffect(() => {
    if (!isOn) return
    const pressed = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
      if (isTyping(event.target) || (event.key === ' ' && takesSpace(event.target))) return
      const shortcut = current.current.find(({ key }) => key === event.key)
      if (shortcut === undefined) return
      event.preventDefault()
      shortcut.run()
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  }, [isOn])
}

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    (target.matches('textarea, select, input:not([type="checkbox"], [type="radio"])') ||
      target.isContentEditable)
  )
}

function takesSpace(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement &&
    target.closest('button, a, summary, input, [role="radio"]') !== null
  )
}

/** The list of keys, a region that opens where the page has room for it. Escape closes it. */
export function ShortcutList({
  shortcuts,
  isOn,
  onSwitch,
  onClose,
}: {
  readonly shortcuts: readonly Shortcut[]
  readonly isOn: boolean
  readonly onSwitch: (isOn: boolean) => void
  readonly onClose: () => void
}) {
  const close = useRef<HTMLButtonElement>(null)
  useEffect(() => close.current?.focus(), [])
  return (
    <section
      class="panel shortcuts"
      aria-label="Keys"
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose()
      }}
    >
      <div class="head">
        <h2>Keys</h2>
        <span class="end">
          <button type="button" class="ghost" ref={close} onClick={onClose}>
            Close
          </button>
        </span>
      </div>
      <div class="body stack">
        <dl class="pairs">
          <dt>
            <kbd>Ctrl ↵</kbd>
          </dt>
          <dd>sends the form that has the focus</dd>
          {shortcuts.map(({ key, name, does }) => (
            <>
              <dt key={key}>
                <kbd>{name}</kbd>
              </dt>
              <dd>{does}</dd>
            </>
          ))}
        </dl>
        <label class="check">
          <input
            type="checkbox"
            checked={isOn}
            onChange={(event) => onSwitch(event.currentTarget.checked)}
          />
          Single keys are on
        </label>
      </div>
    </section>
  )
}
