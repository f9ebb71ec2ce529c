import { useState } from 'preact/hooks'
import { CommandLine } from '../shared/copy.tsx'
import { Field } from '../shared/field.tsx'
import { Answer } from '../shared/marks.tsx'
import { IconButton } from '../shared/panel.tsx'
import type { Session } from './session.ts'
import {
  algorithms,
  commandFor,
  type GrantWish,
  playgroundKey,
  signToken,
  type TokenWish,
} from './sign-token.ts'
import { forShell } from './spelling.ts'

const lifetimes = [
  [60, '1 minute'],
  [3_600, '1 hour'],
  [86_400, '24 hours'],
  [2_592_000, '30 days'],
] as const

/** Builds a token from grants and a key: the playground's, or one that is typed and never sent. */
export function TokenBuilder({
  session,
  onDone,
}: {
  readonly session: Session
  readonly onDone: (token: string) => void
}) {
  const { config } = session
  const lent = config?.playground === true
  const [wish, setWish] = useState<TokenWish>({
    grants: [{ action: 'both', type: 'exact', pattern: '*' }],
    lifetimeSeconds: 3_600,
    protocol: '1.0',
    issuer: playgroundKey.issuer,
    audience: config?.audience ?? config?.hubUrl ?? '',
    key: lent ? playgroundKey.key : '',
    algorithm: 'HS256',
  })
  const [problem, setProblem] = useState('')
  const [isOwnKey, setOwnKey] = useState(!lent)
  const set = (part: Partial<TokenWish>) => setWish({ ...wish, ...part })
  const build = async () => {
    try {
      setProblem('')
      if (wish.key === '') return setProblem('A key is needed: type one, or use the command below.')
      onDone(await signToken(wish))
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error))
    }
  }
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault()
        void build()
      }}
    >
      <Grants
        grants={wish.grants}
        isLegacy={wish.protocol === '0.x'}
        onChange={(grants) => set({ grants })}
      />
      <div class="cols2">
        <div>
          <label for="lifetime">Lifetime</label>
          <select
            id="lifetime"
            value={String(wish.lifetimeSeconds)}
            onChange={(event) => set({ lifetimeSeconds: Number(event.currentTarget.value) })}
          >
            {lifetimes.map(([seconds, name]) => (
              <option key={seconds} value={String(seconds)}>
                {name}
              </option>
            ))}
          </select>
        </div>
        <div>
          <label for="protocol">Protocol</label>
          <select
            id="protocol"
            value={wish.protocol}
            onChange={(event) =>
              set({ protocol: event.currentTarget.value as TokenWish['protocol'] })
            }
          >
            <option>1.0</option>
            {config?.speaksLegacy === true && <option>0.x</option>}
          </select>
        </div>
      </div>
      {lent && (
        <label class="check">
          <input
            type="checkbox"
            checked={isOwnKey}
            onChange={(event) => {
              setOwnKey(event.currentTarget.checked)
              set({ key: event.currentTarget.checked ? '' : playgroundKey.key, algorithm: 'HS256' })
            }}
          />
          Another key than the playground’s
        </label>
      )}
      {isOwnKey && <OwnKey wish={wish} onChange={set} />}
      <div class="row">
        <button class="primary">Build</button>
        <Answer tone={problem === '' ? '' : 'bad'}>
          {problem === ''
            ? 'Signed in this page; a key that is typed leaves it to nobody.'
            : problem}
        </Answer>
      </div>
      <CommandLine text={commandFor(wish, forShell)} />
    </form>
  )
}

function OwnKey({
  wish,
  onChange,
}: {
  readonly wish: TokenWish
  readonly onChange: (part: Partial<TokenWish>) => void
}) {
  const isSecret = wish.algorithm.startsWith('HS')
  return (
    <>
      <div class="cols2">
        <Field
          id="issuer"
          label="Issuer"
          value={wish.issuer}
          onChange={(issuer) => onChange({ issuer })}
        />
        <div>
          <label for="algorithm">Algorithm</label>
          <select
            id="algorithm"
            value={wish.algorithm}
            onChange={(event) => onChange({ algorithm: event.currentTarget.value })}
          >
            {algorithms.map((algorithm) => (
              <option key={algorithm}>{algorithm}</option>
            ))}
          </select>
        </div>
      </div>
      <div>
        <label for="key">{isSecret ? 'Secret' : 'Private key (PEM)'}</label>
        {isSecret ? (
          <input
            id="key"
            type="password"
            class="mono"
            autocomplete="off"
            value={wish.key}
            onInput={(event) => onChange({ key: event.currentTarget.value })}
          />
        ) : (
          <textarea
            id="key"
            class="mono"
            rows={3}
            spellcheck={false}
            autocomplete="off"
            value={wish.key}
            onInput={(event) => onChange({ key: event.currentTarget.value })}
          />
        )}
      </div>
    </>
  )
}

function Grants({
  grants,
  isLegacy,
  onChange,
}: {
  readonly grants: readonly GrantWish[]
  readonly isLegacy: boolean
  readonly onChange: (grants: readonly GrantWish[]) => void
}) {
  const setAt = (index: number, part: Partial<GrantWish>) =>
    onChange(grants.map((grant, at) => (at === index ? { ...grant, ...part } : grant)))
  return (
    <div>
      <span class="label">Grants</span>
      <div class="stack-1">
        {grants.map((grant, index) => (
          <div class="row wrap" key={index}>
            <select
              aria-label={`Action of grant ${index + 1}`}
              value={grant.action}
              onChange={(event) =>
                setAt(index, { action: event.currentTarget.value as GrantWish['action'] })
              }
            >
              <option value="both">both</option>
              <option>publish</option>
              <option>subscribe</option>
            </select>
            {!isLegacy && (
              <select
                aria-label={`Kind of grant ${index + 1}`}
                value={grant.type}
                onChange={(event) =>
                  setAt(index, { type: event.currentTarget.value as GrantWish['type'] })
                }
              >
                <option value="exact">Exact</option>
                <option value="urlpattern">URL Pattern</option>
              </select>
            )}
            <input
              aria-label={`Grant ${index + 1}`}
              class="mono grow"
              value={grant.pattern}
              spellcheck={false}
              onInput={(event) => setAt(index, { pattern: event.currentTarget.value })}
            />
            {index === 0 ? (
              <IconButton
                icon="add"
                label="Add a grant"
                onClick={() =>
                  onChange([...grants, { action: 'subscribe', type: 'exact', pattern: '' }])
                }
              />
            ) : (
              <IconButton
                icon="remove"
                label="Take this grant away"
                onClick={() => onChange(grants.filter((_, at) => at !== index))}
              />
            )}
          </div>
        ))}
      </div>
    </div>
  )
}
