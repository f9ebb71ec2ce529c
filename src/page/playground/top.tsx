import { count, duration } from '../shared/format.ts'
import { useNow } from '../shared/hooks.ts'
import { Icon } from '../shared/icon.tsx'
import { Pill } from '../shared/marks.tsx'
import { TopBar } from '../shared/panel.tsx'
import { hubUrl } from './hub.ts'
import type { Session } from './session.ts'

/** The bar at the top, the playground's warning, and whether the hub answers at all. */
export function Top({
  session,
  onKeys,
}: {
  readonly session: Session
  readonly onKeys: () => void
}) {
  const { config, status } = session
  return (
    <>
      <TopBar
        name={config?.playground === false ? 'debugger' : 'playground'}
        facts={
          <>
            <code class="cut" title="Hub URL">
              {config?.hubUrl ?? hubUrl}
            </code>
            {config !== undefined && <span class="opt">version {config.version}</span>}
            {status?.connected !== undefined && (
              <span
                title={config?.isOneOfSeveral ? 'to the worker that answers this page' : undefined}
              >
                <b>{count(status.connected)}</b> connected
                {config?.isOneOfSeveral === true && ' to this worker'}
              </span>
            )}
            <TokenFact session={session} />
          </>
        }
        end={
          <>
            <HubPill session={session} />
            <button type="button" class="ghost" title="Keys" onClick={onKeys}>
              <span aria-hidden="true">?</span>
              <span class="sr">Keys</span>
            </button>
          </>
        }
      />
      {config?.playground === true && (
        <aside class="strip" aria-label="Warning">
          <Icon name="warning" />
          <p>
            <b>Insecure playground.</b> Its signing key is public: whoever reaches this hub can read
            and write everything.
          </p>
        </aside>
      )}
      <Away session={session} />
    </>
  )
}

function TokenFact({ session }: { readonly session: Session }) {
  const now = useNow(1_000)
  const token = session.verdict?.subscriber.token
  if (session.token === '') return <span>no token</span>
  if (token?.expiresAtMs === undefined)
    return <span>token {token === undefined ? '' : 'without an end'}</span>
  const leftMs = token.expiresAtMs - now
  if (leftMs <= 0)
    return (
      <span class="bad-text">
        token <b class="bad-text">expired</b>
      </span>
    )
  return (
    <span class={leftMs < 300_000 ? 'warn-text' : ''}>
      token <b>{duration(leftMs)}</b>
    </span>
  )
}

function HubPill({ session: { status, awaySinceMs } }: { readonly session: Session }) {
  if (awaySinceMs !== undefined)
    return (
      <Pill tone="bad" icon="refused" live>
        No answer
      </Pill>
    )
  if (status === undefined)
    return (
      <Pill icon="again" live>
        Asking
      </Pill>
    )
  if (!status.isReady)
    return (
      <Pill tone="bad" icon="warning" live>
        Not ready
      </Pill>
    )
  return (
    <Pill tone="good" icon="check" live>
      Ready
    </Pill>
  )
}

/** Said once, at the top, and not in each place that asked. */
function Away({ session: { awaySinceMs, feeds, status } }: { readonly session: Session }) {
  const now = useNow(1_000)
  if (awaySinceMs !== undefined) {
    const waiting = feeds.filter(({ isOpen }) => isOpen).length
    const streams =
      waiting === 0 ? '' : ` ${waiting === 1 ? 'A stream tries' : `${waiting} streams try`} again.`
    return (
      <div class="strip away" role="status">
        <Icon name="warning" />
        <p>
          <b>No answer</b> from {new URL(hubUrl).host} for {duration(now - awaySinceMs)}. Is the hub
          running?{streams} Forms keep what you typed.
        </p>
      </div>
    )
  }
  if (status?.isReady === false)
    return (
      <div class="strip away" role="status">
        <Icon name="warning" />
        <p>
          <b>The hub is not ready:</b> {status.reason}.
        </p>
      </div>
    )
  return null
}
