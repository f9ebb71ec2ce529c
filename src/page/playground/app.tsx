import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { useMedia } from '../shared/hooks.ts'
import { type Shortcut, ShortcutList, useShortcuts } from '../shared/keyboard.tsx'
import { Segments } from '../shared/segments.tsx'
import { isOneOf, useRemembered } from '../shared/storage.ts'
import { useStore } from '../shared/store.ts'
import type { EventRow } from './event-log.ts'
import { EventPanel } from './event-panel.tsx'
import { EventsPanel } from './events-panel.tsx'
import { isFeedWish, isFilter, isUpdateForm, noUpdate, noWish } from './kept.ts'
import { Listeners } from './listeners.ts'
import { PublishForm } from './publish-form.tsx'
import { type Outcome, publish } from './publishing.ts'
import { mostRecent, RecentPanel } from './recent-panel.tsx'
import { Session } from './session.ts'
import { SubscribeForm } from './subscribe-form.tsx'
import { TokenPanel } from './token-panel.tsx'
import { Top } from './top.tsx'
import { WhoPanel } from './who-panel.tsx'

const panels = ['publish', 'subscribe', 'token', 'who'] as const
const drawers = ['event', 'token', 'who'] as const
const hello = 'https://example.com/hello'

/** The playground: what is sent, what arrives, and everything between them. */
export function App() {
  const session = useStore(useMemo(() => new Session(), []))
  const listeners = useMemo(() => new Listeners(), [])
  useEffect(() => session.start(), [])

  const [panel, setPanel] = useRemembered('panel', 'publish', isOneOf(...panels))
  const [drawer, setDrawer] = useRemembered('drawer', 'event', isOneOf(...drawers))
  const [filter, setFilter] = useRemembered('filter', { text: '', type: '', feed: 0 }, isFilter)
  const [update, setUpdate] = useRemembered('update', noUpdate, isUpdateForm)
  const [data, setData] = useState('{\n  "hello": "world"\n}')
  const [wish, setWish] = useRemembered('stream', noWish, isFeedWish)
  const [probe, setProbe] = useState(update.topics[0] ?? '')
  const [areKeysOn, setKeysOn] = useRemembered('keys', true, (value) => typeof value === 'boolean')
  const [isListOpen, openList] = useState(false)
  const [isRecentOpen, openRecent] = useState(false)
  const [outcomes, setOutcomes] = useState<readonly Outcome[]>([])
  const [picked, setPicked] = useState<EventRow>()
  const [tokenTask, setTokenTask] = useState<'read' | 'build'>('read')
  const search = useRef<HTMLInputElement>(null)
  const send = useRef(() => {})

  const isWide = useMedia('(min-width: 1800px)')
  const isNarrow = useMedia('(max-width: 899px)')
  const isWhoShown = isWide || (isNarrow ? panel : drawer) === 'who'

  const wholeUpdate = { ...update, data }
  const onOutcome = (outcome: Outcome) =>
    setOutcomes((all) => [outcome, ...all].slice(0, mostRecent))
  const pick = useCallback((row: EventRow) => {
    setPicked(row)
    setDrawer('event')
  }, [])
  const showToken = (task: 'build' | 'read') => {
    setTokenTask(task)
    setDrawer('token')
    setPanel('token')
  }
  const tryIt = async () => {
    session.subscribe({ name: 'hello', matchers: [{ type: 'exact', pattern: hello }], after: '' })
    await until(() => session.feedNamed('hello')?.state.name !== 'connecting')
    const update = {
      topics: [hello],
      data: '{"hello":"world"}',
      type: '',
      id: '',
      retry: '',
      isPrivate: false,
    }
    onOutcome(await publish(update, session.token, 1))
  }
  const { log } = session
  const shortcuts: readonly Shortcut[] = [
    { key: '/', name: '/', does: 'filters the events', run: () => search.current?.focus() },
    {
      key: ' ',
      name: 'Space',
      does: 'pauses the list, or lets it go on',
      run: () => (log.isPaused ? log.resume() : log.pause()),
    },
    { key: '?', name: '?', does: 'lists the keys', run: () => openList(!isListOpen) },
    { key: 'Escape', name: 'Esc', does: 'closes this list', run: () => openList(false) },
  ]
  useShortcuts(shortcuts, areKeysOn)
  useSendKey(send)

  return (
    <>
      <Top session={session} onKeys={() => openList(!isListOpen)} />
      {isListOpen && (
        <ShortcutList
          shortcuts={shortcuts}
          isOn={areKeysOn}
          onSwitch={setKeysOn}
          onClose={() => openList(false)}
        />
      )}
      <main class="play" data-panel={panel} data-drawer={drawer}>
        <Segments
          class="mobile-tabs"
          label="Panel"
          value={panel}
          onChange={setPanel}
          options={[
            ['publish', 'Publish'],
            ['subscribe', 'Subscribe'],
            ['token', 'Token'],
            ['who', 'Listeners'],
          ]}
        />
        <div class="compose">
          <PublishForm
            session={session}
            wish={wholeUpdate}
            onWish={({ data: text, ...rest }) => {
              setData(text)
              setUpdate(rest)
            }}
            onOutcome={onOutcome}
            onTry={() => void tryIt()}
            onRecent={() => openRecent(!isRecentOpen)}
            onToken={() => showToken('read')}
            send={send}
          />
          <SubscribeForm
            session={session}
            wish={wish}
            probe={probe}
            onWish={setWish}
            onProbe={setProbe}
            onSubscribe={() => session.subscribe(wish)}
          />
          <RecentPanel
            outcomes={outcomes}
            isOpen={isRecentOpen}
            onReuse={({ data: text, ...rest }) => {
              setData(text)
              setUpdate(rest)
            }}
          />
        </div>
        <EventsPanel
          session={session}
          filter={filter}
          onFilter={setFilter}
          picked={picked?.key}
          onPick={pick}
          onTry={() => void tryIt()}
          onToken={showToken}
          search={search}
        />
        <div class="inspect">
          <Segments
            class="drawer-tabs"
            label="Details"
            value={drawer}
            onChange={setDrawer}
            options={[
              ['event', 'Event'],
              ['token', 'Token'],
              ['who', 'Who listens'],
            ]}
          />
          <Inspected
            session={session}
            picked={picked}
            onResume={(row) => {
              const feed = session.feeds.find(({ number }) => number === row.feed)
              setWish({ ...(feed?.wish ?? wish), after: row.id })
              setPanel('subscribe')
            }}
          />
          <TokenPanel session={session} task={tokenTask} onTask={setTokenTask} />
          <WhoPanel session={session} listeners={listeners} isShown={isWhoShown} />
        </div>
      </main>
    </>
  )
}

/** The event that was picked, else the newest. */
function Inspected({
  session,
  picked,
  onResume,
}: {
  readonly session: Session
  readonly picked: EventRow | undefined
  readonly onResume: (row: EventRow) => void
}) {
  const { rows } = useStore(session.log)
  const row = picked ?? rows.findLast((one): one is EventRow => one.kind === 'event')
  const feed = session.feeds.find(({ number }) => number === row?.feed)
  return <EventPanel row={row} feed={feed} onResume={onResume} />
}

/** Ctrl+Enter publishes from everywhere but the other forms, which it sends themselves. */
function useSendKey(send: { readonly current: () => void }): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.key !== 'Enter' || !(event.ctrlKey || event.metaKey))
        return
      event.preventDefault()
      send.current()
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  }, [])
}

const patienceMs = 5_000

/** Looks now and then: a stream tells its state to those who draw it, and this is nobody of them. */
async function until(holds: () => boolean): Promise<void> {
  const end = Date.now() + patienceMs
  while (!holds() && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20))
}
