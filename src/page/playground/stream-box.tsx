import { clock, count, duration, idEnd, rate } from '../shared/format.ts'
import { useNow } from '../shared/hooks.ts'
import { Notice, Pill } from '../shared/marks.tsx'
import { IconButton } from '../shared/panel.tsx'
import type { Feed } from './feed.ts'
import type { Session } from './session.ts'

/** A state is named after this long; before, nothing changes. */
const namedAfterMs = 300

interface StreamProps {
  readonly session: Session
  readonly feed: Feed
  readonly onToken: (task: 'build' | 'read') => void
}

/** A stream of the page: its name, what it counted, its state in words, and the next step. */
export function StreamBox({ session, feed }: Omit<StreamProps, 'onToken'>) {
  const now = useNow(feed.state.name === 'live' ? 1_000 : 250)
  const { wish, received, colour } = feed
  const perSecond = feed.rate
  return (
    <div class={`streambox ${colour}`}>
      <span class="dot" />
      <div class="who cut">
        <b>{wish.name}</b>{' '}
        <span class="quiet">
          {count(received)}
          {feed.state.name === 'live' && perSecond > 0 && ` · ${rate(perSecond)}/s`}
        </span>
      </div>
      {/* The state alone is announced: counts that change each second would drown it. */}
      <span role="status">
        <StatePill feed={feed} now={now} />
      </span>
      <NextStep session={session} feed={feed} />
    </div>
  )
}

function StatePill({ feed, now }: { readonly feed: Feed; readonly now: number }) {
  const { state } = feed
  switch (state.name) {
    case 'connecting':
      return now - state.sinceMs < namedAfterMs ? null : <Pill icon="again">Connecting</Pill>
    case 'live':
      return (
        <Pill tone="good" icon="dot">
          Live
        </Pill>
      )
    case 'waiting': {
      const seconds = Math.max(0, Math.ceil((state.nextMs - now) / 1000))
      return (
        <Pill tone="warn" icon="again">
          {seconds === 0 ? 'Reconnecting' : `Reconnecting in ${seconds} s`}
        </Pill>
      )
    }
    case 'refused':
      return (
        <Pill tone="bad" icon="refused">
          {state.isExpired ? 'Token expired' : `Refused ${state.refusal.status}`}
        </Pill>
      )
    case 'ended':
      return <Pill icon="ended">Ended 204</Pill>
    default:
      return <Pill>Stopped</Pill>
  }
}

function NextStep({ session, feed }: { readonly session: Session; readonly feed: Feed }) {
  const { name } = feed.state
  const close = (
    <IconButton
      icon="close"
      class="ghost"
      label={`Close ${feed.wish.name}`}
      onClick={() => session.remove(feed)}
    />
  )
  if (name === 'connecting' || name === 'live')
    return (
      <IconButton
        icon="stop"
        class="ghost"
        label={`Stop ${feed.wish.name}`}
        onClick={() => feed.stop()}
      />
    )
  const words = { waiting: 'Now', refused: 'Try again', ended: 'Open again', stopped: 'Open again' }
  return (
    <>
      <button type="button" class="ghost small" onClick={() => session.resume(feed)}>
        {words[name]}
        <span class="sr"> {feed.wish.name}</span>
      </button>
      {close}
    </>
  )
}

/** What is the matter with a stream, in a sentence or two, and what to do. */
export function StreamNotice({ session, feed, onToken }: StreamProps) {
  const { state, lastEventId, wish } = feed
  const resumes = lastEventId === '' ? null : <code title={lastEventId}>{idEnd(lastEventId)}</code>
  if (state.name === 'connecting') return <Waiting feed={feed} />
  if (state.name === 'waiting' && session.awaySinceMs !== undefined) return null // said once, at the top
  if (state.name === 'waiting')
    return (
      <Notice tone="warn">
        <p>
          <b>
            {wish.name}: the connection broke at {clock(state.sinceMs)}.
          </b>{' '}
          Attempt {state.attempt}. {sentence(state.reason)}{' '}
          {resumes !== null && (
            <>Resumes after {resumes}, so nothing is missed while the hub keeps it.</>
          )}
        </p>
      </Notice>
    )
  if (state.name === 'refused' && state.isExpired)
    return (
      <Notice tone="bad">
        <p>
          <b>The token expired{expiryOf(session)}.</b> The hub closed {wish.name} with it.
        </p>
        <p>
          <q>{state.refusal.says}</q>
        </p>
        {resumes !== null && <p>A new token resumes after {resumes}.</p>}
        <div class="row">
          <button type="button" class="small primary" onClick={() => onToken('build')}>
            New token
          </button>
        </div>
      </Notice>
    )
  if (state.name === 'refused')
    return (
      <Notice tone="bad">
        <p>
          <b>The hub refused {wish.name}.</b>
        </p>
        <p>
          <q>{state.refusal.says}</q>
        </p>
        <p>
          {whatToDo(state.refusal.status)} No new attempt is made{' '}
          {state.refusal.status === 401 ? 'until the token changes.' : 'by itself.'}
        </p>
        <div class="row">
          {[401, 403].includes(state.refusal.status) && (
            <button type="button" class="small" onClick={() => onToken('build')}>
              Build a token
            </button>
          )}
          <button type="button" class="small" onClick={() => session.resume(feed)}>
            Try again
          </button>
        </div>
      </Notice>
    )
  if (state.name === 'ended')
    return (
      <Notice>
        <p>
          The hub ended {wish.name} and asked not to reconnect. The {count(feed.received)} events
          stay until you clear them.
        </p>
      </Notice>
    )
  return null
}

function Waiting({ feed }: { readonly feed: Feed }) {
  const now = useNow(250)
  const { state } = feed
  const ms = state.name === 'connecting' ? now - state.sinceMs : 0
  return ms < 1_000 ? null : <p class="empty">Waiting for the hub’s answer, {duration(ms)}.</p>
}

function expiryOf({ verdict }: Session): string {
  const at = verdict?.subscriber.token?.expiresAtMs
  return at === undefined ? '' : ` at ${clock(at)}`
}

function sentence(reason: string): string {
  const text = reason.replace(/^./, (letter) => letter.toUpperCase())
  return text.endsWith('.') ? text : `${text}.`
}

function whatToDo(status: number): string {
  if (status === 401) return 'Build a token that this hub takes, or ask its operator for one.'
  if (status === 403) return 'The token does not grant this: build one that does.'
  if (status === 421) return 'Call the hub by one of its own names (MERCURE_PUBLIC_URLS).'
  if (status === 429) return 'A limit is reached: close streams, or try again later.'
  return 'Mend what it names, and try again.'
}
