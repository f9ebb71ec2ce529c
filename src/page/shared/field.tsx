/** A line of text with its label above. */
export function Field({
  id,
  label,
  value,
  hint,
  onChange,
}: {
  readonly id: string
  readonly label: string
  readonly value: string
  readonly hint?: string
  readonly onChange: (value: string) => void
}) {
  return (
    <div>
      <label for={id}>{label}</label>
      <input
        id={id}
        value={value}
        placeholder={hint}
        autocomplete="off"
        spellcheck={false}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
    </div>
  )
}
