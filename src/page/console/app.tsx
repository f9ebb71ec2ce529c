import { useEffect, useState } from 'preact/hooks'
import { clock, count, duration } from '../shared/format.ts'
import { useInterval } from '../shared/hooks.ts'
import { Notice, Pill } from '../shared/marks.tsx'
import { FormPanel, TopBar } from '../shared/panel.tsx'
import { useStore } from '../shared/store.ts'
import { Figures } from './figures.tsx'
import { History } from './history.tsx'
import { presentToken } from './hub.ts'
import { Plots } from './plots.tsx'
import { Rail } from './rail.tsx'
import { Streams } from './streams.tsx'
import { Verdict } from './verdict.tsx'
import { Watch } from './watch.ts'

const everyMs = 1_000

/** The operator's page: how the hub is, what led to it, and what can be done. */
export function Console() {
  const [watch] = useState(() => new Watch())
  useStore(watch)
  useEffect(() => {
    const look = () => void watch.look()
    look()
    document.addEventListener('visibilitychange', look)
    return () => document.removeEventListener('visibilitychange', look)
  }, [])
  useInterval(() => void watch.look(), everyMs)
  const { now, problem } = watch
  const buffer = now?.limits.find(({ option }) => /SUBSCRIBER_BUFFER/.test(option))?.limit ?? 0
  return (
    <>
      <Top watch={watch} />
      <main class="console">
        {problem !== undefined && problem.status !== 401 && (
          <div class="wide">
            <Notice tone="bad">
              {problem.status === 0 ? 'No answer from the hub' : 'The hub refuses'} since{' '}
              {clock(watch.silentSinceMs)}: {problem.message}. What stands here is from before.
            </Notice>
          </div>
        )}
        {problem?.status === 401 && <Token sentence={problem.message} watch={watch} />}
        {now !== undefined && (
          <>
            {problem === undefined && <Verdict now={now} />}
            <Figures watch={watch} />
            <Plots watch={watch} />
            <Rail watch={watch} />
            <div class="mainc">
              <Streams buffer={buffer} />
              <History />
            </div>
          </>
        )}
      </main>
    </>
  )
}

function Top({ watch: { now, problem } }: { readonly watch: Watch }) {
  const isWell = now?.isReady === true && problem === undefined
  return (
    <TopBar
      name="console"
      nav={
        <nav class="anchors" aria-label="Sections">
          <a href="#plots">Plots</a>
          <a href="#streams">Streams</a>
          <a href="#history">History</a>
        </nav>
      }
      facts={
        now && (
          <>
            <span class="opt">
              version <b>{now.version}</b>
            </span>
            <span>
              up <b>{duration(now.atMs - now.startedAtMs)}</b>
            </span>
            <span>
              history <b>{now.transport}</b>
            </span>
            {now.workers !== undefined && (
              <span class="opt">
                <b>{count(now.workers.ready)}</b> workers
              </span>
            )}
            {(now.nodes ?? 0) > 1 && (
              <span class="opt">
                <b>{count(now.nodes ?? 0)}</b> hubs
              </span>
            )}
          </>
        )
      }
      end={
        <>
          {now && <span class="quiet nowrap">{clock(now.atMs)}</span>}
          <Pill tone={isWell ? 'good' : 'bad'} icon={isWell ? 'check' : 'close'} live>
            {problem !== undefined ? 'No answer' : isWell ? 'Ready' : 'Not ready'}
          </Pill>
        </>
      }
    />
  )
}

/** From another machine the hub asks for the admin token; it stays in this tab. */
function Token({ sentence, watch }: { readonly sentence: string; readonly watch: Watch }) {
  const [text, setText] = useState('')
  return (
    <FormPanel
      title="Admin token"
      class="wide"
      onSubmit={() => {
        presentToken(text.trim())
        void watch.look()
      }}
    >
      <div class="body stack">
        <Notice tone="warn">{sentence}</Notice>
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <button type="submit" class="primary">
          Look
        </button>
      </div>
    </FormPanel>
  )
}
