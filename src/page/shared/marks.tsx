import type { ComponentChildren } from 'preact'
import { Icon, type IconName } from './icon.tsx'

/** Nothing in particular, well, look at this, wrong. */
export type Tone = '' | 'good' | 'warn' | 'bad'

interface Mark {
  readonly tone?: Tone
  readonly icon?: IconName
  readonly children: ComponentChildren
}

/** A state in a word, with its shape and colour. `live` has it announced when it changes. */
export function Pill({ tone = '', icon, live, children }: Mark & { readonly live?: boolean }) {
  return (
    <span class={`pill ${tone}`} role={live ? 'status' : undefined}>
      {icon !== undefined && <Icon name={icon} />}
      {children}
    </span>
  )
}

export function Badge({ tone = '', icon, children }: Mark) {
  return (
    <span class={`badge ${tone}`}>
      {icon !== undefined && <Icon name={icon} />}
      {children}
    </span>
  )
}

/** What became of an action, right under it; an empty line before there was any. */
export function Answer({ tone = '', icon, children }: Mark) {
  return (
    <p class={`answer ${tone === '' ? 'quiet' : `${tone}-text`}`} role="status">
      {icon !== undefined && <Icon name={icon} />}
      {children}
    </p>
  )
}

const noticeIcons = { '': 'ended', good: 'check', warn: 'warning', bad: 'refused' } as const

/** What happened in a sentence or two, and what to do about it. */
export function Notice({ tone = '', icon = noticeIcons[tone], children }: Mark) {
  return (
    <div class={`notice ${tone}`} role="status">
      <Icon name={icon} />
      <div>{children}</div>
    </div>
  )
}
