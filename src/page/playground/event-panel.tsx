import { CopyButton } from '../shared/copy.tsx'
import { bytes, moment, preciseClock } from '../shared/format.ts'
import { Json, prettyJson } from '../shared/json.tsx'
import { Panel } from '../shared/panel.tsx'
import type { EventRow } from './event-log.ts'
import type { Feed } from './feed.ts'
import { subscribeAs } from './spelling.ts'

/** All that is known of one event: the one that was picked, else the newest. */
export function EventPanel({
  row,
  feed,
  onResume,
}: {
  readonly row: EventRow | undefined
  readonly feed: Feed | undefined
  /** Fills the form with a stream that begins after this event. */
  readonly onResume: (row: EventRow) => void
}) {
  const title =
    row === undefined ? undefined : `${row.type} on ${feed?.wish.name ?? 'a closed stream'}`
  return (
    <Panel title="Event" class="p-event" head="dup" count={title}>
      {row === undefined ? (
        <p class="empty">An event that arrives is shown here in full.</p>
      ) : (
        <div class="body">
          <div class="event-grid">
            <Facts row={row} feed={feed} />
            <div class="stack">
              <Json text={row.data} />
              <div class="row wrap">
                <CopyButton class="small" text={prettyJson(row.data) ?? row.data}>
                  Copy data
                </CopyButton>
                <CopyButton
                  class="small"
                  text={() => subscribeAs('curl', feed?.wish.matchers ?? [], row.id)}
                >
                  Copy as curl
                </CopyButton>
                <button type="button" class="small" onClick={() => onResume(row)}>
                  Resume from here
                </button>
              </div>
            </div>
          </div>
        </div>
      )}
    </Panel>
  )
}

function Facts({ row, feed }: { readonly row: EventRow; readonly feed: Feed | undefined }) {
  const { about } = row
  const sentMs = about?.sentMs
  return (
    <dl class="pairs">
      <dt>Id</dt>
      <dd>
        <code>{row.id}</code>
      </dd>
      <dt>Type</dt>
      <dd>{row.type}</dd>
      {about && (
        <>
          <dt>Topics</dt>
          <dd>
            {about.topics.map((topic) => (
              <div key={topic}>
                <code>{topic}</code>
              </div>
            ))}
          </dd>
        </>
      )}
      <dt>Asked for</dt>
      <dd>
        {(feed?.wish.matchers ?? [{ type: 'exact', pattern: row.rule }]).map(
          ({ type, pattern }) => (
            <div key={pattern}>
              {kindNames[type as keyof typeof kindNames]} <code>{pattern}</code>
            </div>
          ),
        )}
      </dd>
      <dt>Sent</dt>
      <dd title={sentMs === undefined ? undefined : moment(sentMs)}>
        {sentMs === undefined ? 'the hub does not tell' : preciseClock(sentMs)}
      </dd>
      <dt>Received</dt>
      <dd title={moment(row.atMs)}>
        {preciseClock(row.atMs)}
        {sentMs !== undefined && `, after ${Math.max(0, Math.round(row.atMs - sentMs))} ms`}
      </dd>
      <dt>Size</dt>
      <dd>
        {bytes(row.bytes)}
        {about && (about.isPrivate ? ', private' : ', public')}
      </dd>
    </dl>
  )
}

const kindNames = { exact: 'Exact', urlpattern: 'URL Pattern', selector: '0.x selector' }
