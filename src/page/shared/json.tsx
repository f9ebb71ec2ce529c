/** Longer texts are shown as they are: colours would cost an element per word. */
const longestColoured = 20_000

/** Data as indented JSON in colours, or as the text that it is. */
export function Json({ text }: { readonly text: string }) {
  const pretty = prettyJson(text)
  if (pretty === undefined || pretty.length > longestColoured)
    return <pre class="json">{pretty ?? text}</pre>
  return <pre class="json">{coloured(pretty)}</pre>
}

/** Indented; undefined when it is no JSON. */
export function prettyJson(text: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return undefined
  }
}

/** What is wrong with it as JSON; undefined when nothing is. */
export function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text)
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^JSON\.parse: /, '') : String(error)
  }
}

function coloured(pretty: string) {
  const parts = pretty.split(
    /("(?:[^"\\]|\\.)*"(?:(?=:))?|\b(?:true|false|null)\b|-?\d[\d.eE+-]*)/g,
  )
  return parts.map((part, index) => {
    if (index % 2 === 0) return part
    const isKey = part.startsWith('"') && parts[index + 1]?.startsWith(':') === true
    const kind = isKey ? 'jk' : part.startsWith('"') ? 'js' : 'jn'
    return (
      <span key={index} class={kind}>
        {part}
      </span>
    )
  })
}
