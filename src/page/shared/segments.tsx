import type { ComponentChildren } from 'preact'

/** Radios that look like tabs. */
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
  return (
    <div class={`segments ${rest.class ?? ''}`} role="radiogroup" aria-label={label}>
      {options.map(([option, text]) => (
        <label key={option}>
          <input
            type="radio"
            name={label}
            checked={option === value}
            onChange={() => onChange(option)}
          />
          {text}
        </label>
      ))}
    </div>
  )
}
