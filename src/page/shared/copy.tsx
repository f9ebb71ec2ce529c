import { useState } from 'preact/hooks'

const thanksMs = 1_500

/** Puts a text into the clipboard, and says so in its own place. */
export function CopyButton({
  text,
  children = 'Copy',
  ...rest
}: {
  readonly text: string | (() => string)
  readonly children?: string
  readonly class?: string
}) {
  const [said, say] = useState<string>()
  const copy = async () => {
    const isCopied = await copyText(typeof text === 'string' ? text : text())
    say(isCopied ? 'Copied' : 'No clipboard')
    setTimeout(() => say(undefined), thanksMs)
  }
  return (
    <button type="button" class={rest.class} onClick={() => void copy()}>
      {said ?? children}
    </button>
  )
}

async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return copyBySelection(text) // plain HTTP from another machine has no clipboard API
  }
}

function copyBySelection(text: string): boolean {
  const area = document.createElement('textarea')
  area.value = text
  area.setAttribute('aria-hidden', 'true')
  document.body.append(area)
  area.select()
  const isCopied = document.execCommand('copy')
  area.remove()
  return isCopied
}

/** A command in one line, with a button to copy it; of several spellings one is chosen. */
export function CommandLine<T extends string>({
  label,
  spellings,
  chosen,
  onChoose,
  text,
}: {
  readonly label?: string
  readonly spellings?: readonly T[]
  readonly chosen?: T
  readonly onChoose?: (spelling: T) => void
  readonly text: string
}) {
  return (
    <div class="cmd">
      {spellings !== undefined && (
        <select
          aria-label={label}
          value={chosen}
          onChange={(event) => onChoose?.(event.currentTarget.value as T)}
        >
          {spellings.map((spelling) => (
            <option key={spelling} value={spelling}>
              {spelling}
            </option>
          ))}
        </select>
      )}
      <code class="cut" title={text}>
        {text}
      </code>
      <CopyButton text={text} />
    </div>
  )
}
