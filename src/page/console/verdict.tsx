import type { Now } from '../../http/operators/console/source.ts'
import type { Trouble } from '../../http/operators/console/verdict.ts'
import { clock, duration } from '../shared/format.ts'
import { Icon } from '../shared/icon.tsx'

/** One quiet line when all is well; otherwise what is wrong, what it means, and what to do. */
export function Verdict({ now }: { readonly now: Now }) {
  const { troubles, isReady } = now
  if (!isReady) return <Alarm now={now} />
  return (
    <section class="panel verdict wide" aria-label="Verdict" role="status">
      <h2>
        <Icon name={troubles.length === 0 ? 'check' : 'warning'} />
        {troubles.length === 0 ? 'Ready' : 'Ready, but look at this'}
      </h2>
      <ul class="checks">
        {troubles.length === 0 && checksOf(now).map((text) => <Check key={text} text={text} />)}
        {troubles.map(({ title, text, advice }) => (
          <li key={title} class="no">
            <Icon name="warning" />
            <span>
              {title}. <span class="quiet">{`${text} ${advice}`}</span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

function Check({ text }: { readonly text: string }) {
  return (
    <li>
      <Icon name="check" />
      {text}
    </li>
  )
}

function checksOf({ limits, nodes, workers, transport }: Now): readonly string[] {
  const shares = limits
    .filter(({ option, limit }) => /MAX_SUBSCRIBERS$|files/.test(option) && limit > 0)
    .map(({ option, used, limit }) => {
      const name = option.startsWith('MERCURE') ? 'Streams' : 'Open files'
      return `${name} ${Math.round((used / limit) * 100)} % of the limit`
    })
  return [
    `History (${transport}) takes updates`,
    ...shares,
    'Not draining',
    ...(workers === undefined ? [] : [`${workers.ready} of ${workers.expected} workers`]),
    ...(nodes === undefined || nodes < 2 ? [] : [`${nodes} hubs on this history`]),
  ]
}

function Alarm({ now }: { readonly now: Now }) {
  const [first, ...others] = now.troubles
  if (first === undefined) return null
  const since = now.troubledSinceMs
  return (
    <section class="alarm wide" aria-label="Verdict" role="status">
      <div>
        <h2>
          <Icon name="warning" />
          {first.title}
        </h2>
        {since !== undefined && (
          <p class="since">
            For {duration(now.atMs - since)}, since {clock(since)}.
          </p>
        )}
      </div>
      <ul>
        <Word title="What it means" text={first.text} />
        <Word title="Do this" text={first.advice} />
        {others.map((trouble) => (
          <Word key={trouble.title} title={trouble.title} text={wordsOf(trouble)} />
        ))}
      </ul>
    </section>
  )
}

function wordsOf({ text, advice }: Trouble): string {
  return `${text} ${advice}`
}

function Word({ title, text }: { readonly title: string; readonly text: string }) {
  return (
    <li>
      <b>{title}</b>
      {text}
    </li>
  )
}
