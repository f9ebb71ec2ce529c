import { clock, withoutScheme } from '../shared/format.ts'
import { Panel } from '../shared/panel.tsx'
import type { Outcome } from './publishing.ts'
import type { UpdateWish } from './spelling.ts'

export const mostRecent = 20

/** What was sent from here, to be taken back into the form. */
export function RecentPanel({
  outcomes,
  onReuse,
  isOpen,
}: {
  readonly outcomes: readonly Outcome[]
  readonly onReuse: (wish: UpdateWish) => void
  readonly isOpen: boolean
}) {
  return (
    <Panel
      title="Last updates sent"
      class={`p-recent ${isOpen ? 'open' : ''}`}
      count={`the last ${mostRecent} are kept`}
    >
      {outcomes.length === 0 ? (
        <p class="empty">Nothing was sent from here yet.</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">Time</th>
              <th scope="col">Type</th>
              <th scope="col">Topic</th>
              <th scope="col" class="num">
                Answer
              </th>
              <th scope="col">
                <span class="sr">Action</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {outcomes.map((outcome) => (
              <Line key={outcome.atMs} outcome={outcome} onReuse={onReuse} />
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  )
}

function Line({
  outcome,
  onReuse,
}: {
  readonly outcome: Outcome
  readonly onReuse: (wish: UpdateWish) => void
}) {
  const { atMs, wish, status, times } = outcome
  const [topic = ''] = wish.topics
  return (
    <tr>
      <td>
        <code>{clock(atMs)}</code>
      </td>
      <td>{wish.type || 'message'}</td>
      <td class="cell" title={topic}>
        <code>{withoutScheme(topic)}</code>
      </td>
      <td class={`num ${status === 200 ? '' : 'bad-text'}`}>
        {status === 0 ? 'none' : status}
        {times > 1 && ` ×${times}`}
      </td>
      <td class="num">
        <button type="button" class="ghost small" onClick={() => onReuse(wish)}>
          Reuse<span class="sr"> what was sent at {clock(atMs)}</span>
        </button>
      </td>
    </tr>
  )
}
