import { useState } from 'preact/hooks'
import { CommandLine } from '../shared/copy.tsx'
import { Field } from '../shared/field.tsx'
import { bytes, count, sizeOf } from '../shared/format.ts'
import { jsonProblem } from '../shared/json.tsx'
import { Answer, Notice } from '../shared/marks.tsx'
import { FormPanel, IconButton } from '../shared/panel.tsx'
import { isOneOf, useRemembered } from '../shared/storage.ts'
import { askWhy } from './hub.ts'
import { mostTimes, type Outcome, publish } from './publishing.ts'
import type { Session } from './session.ts'
import { publishAs, publishSpellings, type UpdateWish } from './spelling.ts'

interface PublishProps {
  readonly session: Session
  readonly wish: UpdateWish
  readonly onWish: (wish: UpdateWish) => void
  readonly onOutcome: (outcome: Outcome) => void
  readonly onTry: () => void
  readonly onRecent: () => void
  readonly onToken: () => void
  /** Bound by the keyboard too. */
  readonly send: { current: () => void }
}

/** The form of an update, its answer, and the same request to copy. */
export function PublishForm({
  session,
  wish,
  onWish,
  onOutcome,
  onTry,
  onRecent,
  onToken,
  send,
}: PublishProps) {
  const [times, setTimes] = useState('1')
  const [outcome, setOutcome] = useState<Outcome | 'sending'>()
  const [advice, setAdvice] = useState('')
  const [spelling, setSpelling] = useRemembered('publish-as', 'curl', isOneOf(...publishSpellings))
  const set = (part: Partial<UpdateWish>) => onWish({ ...wish, ...part })

  const submit = async () => {
    if (outcome === 'sending') return
    setOutcome('sending')
    setAdvice('')
    const howOften = Math.min(mostTimes, Math.max(1, Math.floor(Number(times)) || 1))
    const result = await publish(wish, session.token, howOften)
    setOutcome(result)
    onOutcome(result)
    if (result.status === 401 || result.status === 403)
      setAdvice(await adviceFor(session.token, result))
  }
  send.current = () => void submit()

  return (
    <FormPanel
      title="Publish"
      class="p-publish"
      onSubmit={() => void submit()}
      end={
        <>
          <button type="button" class="ghost" onClick={onTry}>
            Try it
          </button>
          <button type="button" class="ghost" onClick={onRecent}>
            Last 20
          </button>
        </>
      }
    >
      <div class="body stack">
        <Topics topics={wish.topics} onChange={(topics) => set({ topics })} />
        <DataField data={wish.data} onChange={(data) => set({ data })} />
        <div class="cols3">
          <Field id="type" label="Type" value={wish.type} onChange={(type) => set({ type })} />
          <Field
            id="id"
            label="Id"
            value={wish.id}
            hint="chosen by the hub"
            onChange={(id) => set({ id })}
          />
          <Field
            id="retry"
            label="Retry"
            value={wish.retry}
            hint="ms"
            onChange={(retry) => set({ retry })}
          />
        </div>
        <div class="row publish-row">
          <label class="check">
            <input
              type="checkbox"
              checked={wish.isPrivate}
              onChange={(event) => set({ isPrivate: event.currentTarget.checked })}
            />
            Private
          </label>
          <label class="check grow">
            Repeat <span class="nowrap">×</span>
            <input
              value={times}
              inputMode="numeric"
              size={4}
              onInput={(event) => setTimes(event.currentTarget.value)}
            />
          </label>
          <button class="primary">
            Publish <kbd aria-hidden="true">Ctrl ↵</kbd>
          </button>
        </div>
        <OutcomeLine outcome={outcome} />
        {outcome !== undefined && outcome !== 'sending' && outcome.status !== 200 && (
          <Notice tone="bad">
            <p>
              <b>{outcome.status === 0 ? 'Nobody answered.' : 'The hub refused the update.'}</b>
            </p>
            <p>
              <q>{outcome.says}</q>
            </p>
            {advice !== '' && <p>{advice}</p>}
            {(outcome.status === 401 || outcome.status === 403) && (
              <div class="row">
                <button type="button" class="small" onClick={onToken}>
                  Show the token
                </button>
              </div>
            )}
          </Notice>
        )}
        <CommandLine
          label="Write the request as"
          spellings={publishSpellings}
          chosen={spelling}
          onChoose={setSpelling}
          text={publishAs(spelling, wish)}
        />
      </div>
    </FormPanel>
  )
}

/** What the hub adds to its refusal when it is asked why. */
async function adviceFor(
  token: string,
  { wish: { topics, isPrivate }, says }: Outcome,
): Promise<string> {
  try {
    const { publisher } = await askWhy(token, { topics, isPrivate })
    const more = publisher.says.slice(says.length).replace(/^[:;,] */, '')
    return publisher.isAllowed || !publisher.says.startsWith(says) ? '' : more
  } catch {
    return ''
  }
}

function OutcomeLine({ outcome }: { readonly outcome: Outcome | 'sending' | undefined }) {
  if (outcome === undefined) return <Answer>Nothing sent yet.</Answer>
  if (outcome === 'sending') return <Answer>Sending.</Answer>
  const { status, tookMs, says, accepted, times } = outcome
  const many = times > 1 ? `${count(accepted)} of ${count(times)}, ` : ''
  if (status !== 200)
    return (
      <Answer tone="bad" icon="refused">
        <b class="nowrap">
          {many}
          {status === 0 ? 'no answer' : status} in {count(tookMs)} ms
        </b>
      </Answer>
    )
  return (
    <Answer tone="good" icon="check">
      <b class="nowrap">
        {many}200 in {count(tookMs)} ms
      </b>
      <code class="cut" title={says}>
        {says}
      </code>
    </Answer>
  )
}

function Topics({
  topics,
  onChange,
}: {
  readonly topics: readonly string[]
  readonly onChange: (topics: readonly string[]) => void
}) {
  const [first = '', ...others] = topics
  const setOther = (index: number, topic: string) =>
    onChange(topics.map((one, at) => (at === index + 1 ? topic : one)))
  return (
    <div>
      <div class="labelrow">
        <label for="topic">Topic</label>
        <span class="note quiet">first is canonical</span>
      </div>
      <div class="stack-1">
        <div class="row">
          <TopicInput id="topic" topic={first} onChange={(topic) => onChange([topic, ...others])} />
          <IconButton
            icon="add"
            label="Add an alternate"
            onClick={() => onChange([...topics, ''])}
          />
        </div>
        {others.map((topic, index) => (
          <div class="row" key={index}>
            <TopicInput
              label={`Alternate ${index + 1}`}
              topic={topic}
              onChange={(text) => setOther(index, text)}
            />
            <IconButton
              icon="remove"
              label="Take it away"
              onClick={() => onChange(topics.filter((_, at) => at !== index + 1))}
            />
          </div>
        ))}
      </div>
    </div>
  )
}

function TopicInput({
  id,
  label,
  topic,
  onChange,
}: {
  readonly id?: string
  readonly label?: string
  readonly topic: string
  readonly onChange: (topic: string) => void
}) {
  return (
    <input
      id={id}
      aria-label={label}
      class="mono grow"
      value={topic}
      autocomplete="off"
      spellcheck={false}
      onInput={(event) => onChange(event.currentTarget.value)}
    />
  )
}

function DataField({
  data,
  onChange,
}: {
  readonly data: string
  readonly onChange: (data: string) => void
}) {
  const looksLikeJson = /^\s*[[{"]/.test(data)
  const problem = looksLikeJson ? jsonProblem(data) : undefined
  const kind = !looksLikeJson ? 'Text' : problem === undefined ? 'Valid JSON' : 'No JSON'
  const tone = !looksLikeJson ? 'quiet' : problem === undefined ? 'good-text' : 'warn-text'
  return (
    <div>
      <div class="labelrow">
        <label for="data">Data</label>
        <span class={`note ${tone}`} title={problem}>
          {kind} · {bytes(sizeOf(data))}
        </span>
      </div>
      <textarea
        id="data"
        class="mono"
        rows={5}
        spellcheck={false}
        value={data}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
    </div>
  )
}
