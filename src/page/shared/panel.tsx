import type { ComponentChildren } from 'preact'
import type { IconName } from './icon.tsx'
import { Icon } from './icon.tsx'
import { ThemeSwitch } from './theme.tsx'

interface PanelProps {
  readonly title: string
  /** A figure beside the title. */
  readonly count?: ComponentChildren
  /** Whether it is a landmark under its title, which it is unless a field in it has the same name. */
  readonly isRegion?: boolean
  /** Actions at the end of the head. */
  readonly end?: ComponentChildren
  readonly class?: string
  /** Classes of the head. */
  readonly head?: string
  readonly id?: string
  readonly children: ComponentChildren
}

/** A region of the page with a heading. */
export function Panel({
  title,
  count,
  end,
  head = '',
  id,
  isRegion = true,
  children,
  ...rest
}: PanelProps) {
  return (
    <section class={`panel ${rest.class ?? ''}`} id={id} aria-label={isRegion ? title : undefined}>
      <Head title={title} count={count} end={end} class={head} />
      {children}
    </section>
  )
}

/** A region that is a form: it is sent by its button, by Enter in a field, and by Ctrl+Enter anywhere in it. */
export function FormPanel({
  title,
  count,
  end,
  head = '',
  onSubmit,
  children,
  ...rest
}: PanelProps & { readonly onSubmit: () => void }) {
  return (
    <form
      class={`panel ${rest.class ?? ''}`}
      aria-label={title}
      onSubmit={(event) => {
        event.preventDefault()
        onSubmit()
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
        event.preventDefault()
        onSubmit()
      }}
    >
      <Head title={title} count={count} end={end} class={head} />
      {children}
    </form>
  )
}

function Head({
  title,
  count,
  end,
  ...rest
}: Pick<PanelProps, 'title' | 'count' | 'end' | 'class'>) {
  return (
    <div class={`head ${rest.class ?? ''}`}>
      <h2>{title}</h2>
      {count !== undefined && <span class="count">{count}</span>}
      {end !== undefined && <span class="end">{end}</span>}
    </div>
  )
}

/** The bar at the top of a page: what it is, figures, and at the end its state. */
export function TopBar({
  name,
  nav,
  facts,
  end,
}: {
  readonly name: string
  readonly nav?: ComponentChildren
  readonly facts: ComponentChildren
  readonly end: ComponentChildren
}) {
  return (
    <header class="top">
      <div class="brand">
        <img src="icon.svg" alt="" width="24" height="24" />
        <h1>
          Cinnabar <span>{name}</span>
        </h1>
      </div>
      {nav}
      <div class="facts">{facts}</div>
      <div class="topend">
        {end}
        <ThemeSwitch />
      </div>
    </header>
  )
}

/** A button that shows a drawing only; its name is said and shown on hover. */
export function IconButton({
  icon,
  label,
  onClick,
  ...rest
}: {
  readonly icon: IconName
  readonly label: string
  readonly onClick: () => void
  readonly class?: string
}) {
  return (
    <button type="button" class={rest.class} title={label} onClick={onClick}>
      <Icon name={icon} />
      <span class="sr">{label}</span>
    </button>
  )
}
