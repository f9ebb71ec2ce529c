import { useEffect, useState } from 'preact/hooks'
import { CommandLine } from '../shared/copy.tsx'
import { duration, moment } from '../shared/format.ts'
import { useNow } from '../shared/hooks.ts'
import { Answer, Notice } from '../shared/marks.tsx'
import { Panel } from '../shared/panel.tsx'
import type { Explanation } from './hub.ts'
import type { Session } from './session.ts'
import { TokenBuilder } from './token-builder.tsx'

const shownMs = 10_000

/** The token that the page uses: read, with what the hub says of it, or built. It is gone with the tab. */
export function TokenPanel({
  session,
  task,
  onTask,
}: {
  readonly session: Session
  readonly task: 'read' | 'build'
  readonly onTask: (task: 'read' | 'build') => void
}) {
  const isBuilding = task === 'build'
  return (
    <Panel
      title="Token"
      isRegion={false}
      class="p-token"
      end={
        <button type="button" class="ghost" onClick={() => onTask(isBuilding ? 'read' : 'build')}>
          {isBuilding ? 'Back to the token' : 'Build a token'}
        </button>
      }
    >
      <div class="body">
        <div class="token-grid">
          <TokenField session={session} />
          {isBuilding ? (
            <TokenBuilder
              session={session}
              onDone={(token) => {
                session.useToken(token)
                onTask('read')
              }}
            />
          ) : (
            <Claims session={session} />
          )}
        </div>
      </div>
    </Panel>
  )
}

function TokenField({ session }: { readonly session: Session }) {
  const [isShown, setShown] = useState(false)
  useEffect(() => {
    if (!isShown) return
    const timer = setTimeout(() => setShown(false), shownMs)
    return () => clearTimeout(timer)
  }, [isShown])
  const field = {
    id: 'token',
    class: 'mono grow',
    value: session.token,
    autocomplete: 'off',
    spellcheck: false,
    onInput: (event: { readonly currentTarget: HTMLInputElement }) =>
      session.useToken(event.currentTarget.value.trim()),
  }
  return (
    <form class="stack" onSubmit={(event) => event.preventDefault()}>
      <div>
        <label for="token">Token</label>
        <div class="row">
          {isShown ? <input type="text" {...field} /> : <input type="password" {...field} />}
          <button type="button" onClick={() => setShown(!isShown)}>
            {isShown ? 'Hide' : 'Show 10 s'}
          </button>
        </div>
      </div>
      <Verdict session={session} />
      <CommandLine text={tokenCommand(session)} />
    </form>
  )
}

/** What the hub says of the token, for publishing and for subscribing. */
function Verdict({ session }: { readonly session: Session }) {
  const now = useNow(1_000)
  const { verdict, token } = session
  if (verdict === undefined)
    return <Answer>{token === '' ? 'There is no token.' : 'The hub has not answered yet.'}</Answer>
  const { publisher, subscriber } = verdict
  const expiresAtMs = subscriber.token?.expiresAtMs
  const ends = expiresAtMs === undefined ? '' : ` It expires in ${duration(expiresAtMs - now)}.`
  if (token === '')
    return subscriber.isAllowed ? (
      <Answer>Without a token the page hears public updates and publishes nothing.</Answer>
    ) : (
      <Refused explanation={subscriber} what="The hub wants a token." />
    )
  if (expiresAtMs !== undefined && expiresAtMs <= now)
    return (
      <Answer tone="bad" icon="refused">
        This token has expired. Build another one.
      </Answer>
    )
  if (publisher.isAllowed && subscriber.isAllowed)
    return (
      <Answer tone="good" icon="check">
        The hub accepts this token.{ends}
      </Answer>
    )
  if (!publisher.isAllowed && !subscriber.isAllowed)
    return <Refused explanation={subscriber} what="The hub refuses this token." />
  const [good, other] = subscriber.isAllowed
    ? (['subscribe', publisher] as const)
    : (['publish', subscriber] as const)
  return <Refused explanation={other} what={`The hub accepts this token to ${good} only.${ends}`} />
}

function Refused({
  explanation,
  what,
}: {
  readonly explanation: Explanation
  readonly what: string
}) {
  const missed = explanation.checks.filter(({ isMet }) => !isMet)
  return (
    <Notice tone="bad">
      <p>
        <b>{what}</b>
      </p>
      {missed.map(({ about, says }) => (
        <p key={about}>
          <q>{says}</q>
        </p>
      ))}
    </Notice>
  )
}

/** What the token says, and which of its grants covers which stream. */
function Claims({ session }: { readonly session: Session }) {
  const { verdict, feeds } = session
  const explanation = verdict?.subscriber
  const token = explanation?.token
  if (explanation === undefined || token === undefined)
    return (
      <p class="empty">
        A token that can be read shows here what it grants, to whom, and until when.
      </p>
    )
  const { iss, aud, sub } = token.claims
  const { expiresAtMs, protocol } = token
  return (
    <dl class="pairs">
      {explanation.grants.slice(0, 20).map((grant, index) => (
        <GrantPair key={index} grant={grant} names={coveredBy(grant, feeds)} />
      ))}
      {explanation.grants.length === 0 && <Pair name="Grants" value="nothing" />}
      <Pair name="Issuer" value={textOf(iss)} />
      <Pair name="Audience" value={textOf(aud)} />
      <Pair name="Subject" value={textOf(sub)} />
      <dt>Expires</dt>
      <dd>{expiresAtMs === undefined ? 'never' : moment(expiresAtMs)}</dd>
      <dt>Protocol</dt>
      <dd>{protocol}</dd>
    </dl>
  )
}

type Grant = Explanation['grants'][number]

function GrantPair({
  grant: { actions, type, pattern },
  names,
}: {
  readonly grant: Grant
  readonly names: string
}) {
  const title = [...actions]
    .map((action) => action.replace(/^./, (letter) => letter.toUpperCase()))
    .join(', ')
  return (
    <>
      <dt>{title}</dt>
      <dd>
        {type !== 'exact' && `${type} `}
        <code>{pattern}</code>
        {names !== '' && ` ${names}`}
      </dd>
    </>
  )
}

function Pair({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>
        <code>{value}</code>
      </dd>
    </>
  )
}

function textOf(claim: unknown): string {
  return claim === undefined ? 'none' : typeof claim === 'string' ? claim : JSON.stringify(claim)
}

/** "covers books and orders, a part of alerts": the matchers were asked about in the order of the streams. */
function coveredBy({ actions, covers }: Grant, feeds: Session['feeds']): string {
  if (!actions.includes('subscribe')) return ''
  let at = 0
  const [whole, part]: [string[], string[]] = [[], []]
  for (const { wish } of feeds) {
    const own = covers.slice(at, (at += wish.matchers.length))
    if (own.length > 0 && own.every((one) => one === 'yes')) whole.push(wish.name)
    else if (own.some((one) => one !== 'no')) part.push(wish.name)
  }
  const said = [
    ...(whole.length > 0 ? [`covers ${whole.join(', ')}`] : []),
    ...(part.length > 0 ? [`covers a part of ${part.join(', ')}`] : []),
  ]
  return said.join('; ')
}

function tokenCommand({ config }: Session): string {
  const audience = config?.audience === undefined ? '' : ` --aud ${config.audience}`
  return `cinnabar token --publish '*' --subscribe '*' --ttl 24h${audience}`
}
