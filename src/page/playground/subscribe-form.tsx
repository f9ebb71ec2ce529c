import { useEffect, useState } from 'preact/hooks'
import { CommandLine } from '../shared/copy.tsx'
import { Field } from '../shared/field.tsx'
import { clock } from '../shared/format.ts'
import { Icon } from '../shared/icon.tsx'
import { Answer } from '../shared/marks.tsx'
import { FormPanel } from '../shared/panel.tsx'
import { isOneOf, useRemembered } from '../shared/storage.ts'
import type { Feed, FeedWish } from './feed.ts'
import { type AskedMatcher, askMatches, type Matched } from './hub.ts'
import { Matchers } from './matcher-rows.tsx'
import { mostFeeds, type Session } from './session.ts'
import { subscribeAs, subscribeSpellings } from './spelling.ts'

interface SubscribeProps {
  readonly session: Session
  readonly wish: FeedWish
  readonly probe: string
  readonly onWish: (wish: FeedWish) => void
  readonly onProbe: (topic: string) => void
  readonly onSubscribe: () => void
}

const askAfterMs = 150

/** What a stream shall ask for, tried against a topic by the hub's own matcher, and what became of it. */
export function SubscribeForm({
  session,
  wish,
  probe,
  onWish,
  onProbe,
  onSubscribe,
}: SubscribeProps) {
  const [spelling, setSpelling] = useRemembered(
    'subscribe-as',
    'curl',
    isOneOf(...subscribeSpellings),
  )
  const matched = useMatched(probe, wish.matchers)
  const set = (part: Partial<FeedWish>) => onWish({ ...wish, ...part })
  const feed = session.feedNamed(wish.name)
  const isFull = feed === undefined && session.feeds.length >= mostFeeds
  const another = () => onWish({ ...wish, name: freeName(session.feeds), after: '' })
  return (
    <FormPanel
      title="Subscribe"
      class="p-subscribe"
      onSubmit={() => {
        if (!isFull) onSubscribe()
      }}
      end={
        <button
          type="button"
          class="ghost"
          onClick={another}
          disabled={session.feeds.length >= mostFeeds}
        >
          <Icon name="add" />
          Stream
        </button>
      }
    >
      <div class="body stack">
        <div class="cols2">
          <Field id="name" label="Name" value={wish.name} onChange={(name) => set({ name })} />
          <Field
            id="after"
            label="Resume after"
            hint="now"
            value={wish.after}
            onChange={(after) => set({ after })}
          />
        </div>
        <Matchers
          matchers={wish.matchers}
          matched={matched}
          probe={probe}
          speaksLegacy={session.config?.speaksLegacy === true}
          onChange={(matchers) => set({ matchers })}
        />
        <div class="row">
          <label class="sr" for="probe">
            Try with
          </label>
          <div class="withend grow">
            <input
              id="probe"
              class="mono"
              value={probe}
              spellcheck={false}
              autocomplete="off"
              onInput={(event) => onProbe(event.currentTarget.value)}
            />
            <span class="end">test topic</span>
          </div>
          <button class="primary" disabled={isFull}>
            Subscribe
          </button>
        </div>
        {isFull ? (
          <Answer tone="warn">
            The page has {mostFeeds} streams, and a browser has few connections. Close one.
          </Answer>
        ) : (
          <FeedAnswer feed={feed} />
        )}
        <CommandLine
          label="Write the stream as"
          spellings={subscribeSpellings}
          chosen={spelling}
          onChoose={setSpelling}
          text={subscribeAs(spelling, wish.matchers, wish.after)}
        />
      </div>
    </FormPanel>
  )
}

function FeedAnswer({ feed }: { readonly feed: Feed | undefined }) {
  if (feed === undefined) return <Answer>No stream of this name yet.</Answer>
  const { state, hasGap } = feed
  if (state.name === 'live')
    return (
      <Answer tone="good" icon="check">
        <b class="nowrap">200 in {state.tookMs} ms</b>
        <span class="cut">
          live since {clock(state.sinceMs)}
          {hasGap && ', resumed with a gap'}
        </span>
      </Answer>
    )
  if (state.name === 'refused')
    return (
      <Answer tone="bad" icon="refused">
        <b class="nowrap">{state.refusal.status}</b>
        <span class="cut" title={state.refusal.says}>
          {state.refusal.says}
        </span>
      </Answer>
    )
  const words = {
    connecting: 'Connecting.',
    waiting: 'Reconnecting.',
    ended: '204, ended by the hub.',
    stopped: 'Stopped.',
  }
  return <Answer>{words[state.name]}</Answer>
}

/** Asked a moment after the last change. */
function useMatched(
  probe: string,
  matchers: readonly AskedMatcher[],
): readonly Matched[] | undefined {
  const [matched, setMatched] = useState<readonly Matched[]>()
  const asked = JSON.stringify([probe, matchers])
  useEffect(() => {
    if (probe === '') return setMatched(undefined)
    let isCurrent = true
    const timer = setTimeout(() => {
      askMatches(probe, matchers).then(
        ({ results }) => {
          if (isCurrent) setMatched(results)
        },
        () => setMatched(undefined),
      )
    }, askAfterMs)
    return () => {
      isCurrent = false
      clearTimeout(timer)
    }
  }, [asked])
  return matched
}

function freeName(feeds: readonly Feed[]): string {
  for (let number = 1; ; number++) {
    const name = `stream ${number}`
    if (!feeds.some(({ wish }) => wish.name === name)) return name
  }
}
