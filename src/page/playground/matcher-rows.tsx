import { IconButton } from '../shared/panel.tsx'
import type { AskedMatcher, Matched } from './hub.ts'

const kinds = [
  ['exact', 'Exact'],
  ['urlpattern', 'URL Pattern'],
  ['all', 'All'],
  ['selector', '0.x selector'],
] as const

/** What a stream asks for, a row each, and what the hub says of it beside the test topic. */
export function Matchers({
  matchers,
  matched,
  probe,
  speaksLegacy,
  onChange,
}: {
  readonly matchers: readonly AskedMatcher[]
  readonly matched: readonly Matched[] | undefined
  readonly probe: string
  readonly speaksLegacy: boolean
  readonly onChange: (matchers: readonly AskedMatcher[]) => void
}) {
  const setAt = (index: number, matcher: AskedMatcher) =>
    onChange(matchers.map((one, at) => (at === index ? matcher : one)))
  return (
    <div>
      <div class="labelrow">
        <label for="match">Match</label>
        <Verdict matched={matched} probe={probe} />
      </div>
      <div class="stack-1">
        {matchers.map((matcher, index) => (
          <div class="row" key={index}>
            <KindSelect
              matcher={matcher}
              speaksLegacy={speaksLegacy}
              onChange={(next) => setAt(index, next)}
            />
            <input
              id={index === 0 ? 'match' : undefined}
              aria-label={index === 0 ? undefined : `Match ${index + 1}`}
              class="mono grow"
              value={matcher.pattern}
              spellcheck={false}
              autocomplete="off"
              aria-invalid={isProblem(matched?.[index])}
              onInput={(event) => setAt(index, { ...matcher, pattern: event.currentTarget.value })}
            />
            {index === 0 ? (
              <IconButton
                icon="add"
                label="Add another row"
                onClick={() => onChange([...matchers, { type: 'exact', pattern: '' }])}
              />
            ) : (
              <IconButton
                icon="remove"
                label="Take this row away"
                onClick={() => onChange(matchers.filter((_, at) => at !== index))}
              />
            )}
          </div>
        ))}
      </div>
    </div>
  )
}

function KindSelect({
  matcher,
  speaksLegacy,
  onChange,
}: {
  readonly matcher: AskedMatcher
  readonly speaksLegacy: boolean
  readonly onChange: (matcher: AskedMatcher) => void
}) {
  const { type, pattern } = matcher
  const value = type === 'exact' && pattern === '*' ? 'all' : type
  const choose = (chosen: string) => {
    if (chosen === 'all') onChange({ type: 'exact', pattern: '*' })
    else onChange({ type: chosen as AskedMatcher['type'], pattern: pattern === '*' ? '' : pattern })
  }
  return (
    <select aria-label="Kind" value={value} onChange={(event) => choose(event.currentTarget.value)}>
      {kinds
        .filter(([kind]) => kind !== 'selector' || speaksLegacy)
        .map(([kind, name]) => (
          <option key={kind} value={kind}>
            {name}
          </option>
        ))}
    </select>
  )
}

/** "/books/7 matches", or not, or why a matcher is none. */
function Verdict({
  matched,
  probe,
}: {
  readonly matched: readonly Matched[] | undefined
  readonly probe: string
}) {
  if (matched === undefined) return <span class="note quiet">not asked yet</span>
  const problem = matched.find(isProblem)
  if (problem !== undefined)
    return (
      <span class="note bad-text cut" role="status" title={problem.problem}>
        {problem.problem}
      </span>
    )
  const isMatch = matched.some((one) => 'matches' in one && one.matches)
  const path = probe.replace(/^https?:\/\/[^/]+/, '') || probe
  return (
    <span class={`note cut ${isMatch ? 'good-text' : 'warn-text'}`} role="status">
      {path} {isMatch ? 'matches' : 'does not match'}
    </span>
  )
}

function isProblem(matched: Matched | undefined): matched is { readonly problem: string } {
  return matched !== undefined && 'problem' in matched
}
