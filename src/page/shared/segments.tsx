import type { ComponentChildren } from 'preact'
import { useRef } from 'preact/hooks'

/** Tabs: arrows move between them, and the chosen one alone takes part in the order of Tab. */
export function Segments<T extends string>({
  label,
  value,
  options,
  onChange,
  ...rest
}: {
  readonly label: string
  readonly value: T
  readonly options: readonly (readonly [value: T, text: ComponentChildren])[]
  readonly onChange: (value: T) => void
  readonly class?: string
}) {
  const list = useRef<HTMLDivElement>(null)
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (step === undefined) return
    const at = options.findIndex(([option]) => option === value)
    const to = (at + step + options.length) % options.length
    const next = options[to]
    if (next === undefined) return
    event.preventDefault()
    onChange(next[0])
    list.current?.querySelectorAll('button')[to]?.focus()
  }
  return (
    <div
      class={`segments ${rest.class ?? ''}`}
      role="tablist"
      aria-label={label}
      ref={list}
      onKeyDown={move}
    >
      {options.map(([option, text]) => (
        <button
          key={option}
          type="button"
          role="tab"
          aria-selected={option === value}
          tabIndex={option === value ? 0 : -1}
          onClick={() => onChange(option)}
        >
          {text}
        </button>
      ))}
    </div>
  )
}
