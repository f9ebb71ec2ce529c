import { useEffect, useState } from 'preact/hooks'
import { Icon } from './icon.tsx'

const key = 'cinnabar.theme' // theme-early.ts reads it before the first paint

export function isDark(): boolean {
  const { theme } = document.documentElement.dataset
  return theme === undefined ? systemIsDark().matches : theme === 'dark'
}

/** A button that changes between light and dark; the choice outlives the tab. */
export function ThemeSwitch() {
  const change = () => {
    const theme = isDark() ? 'light' : 'dark'
    document.documentElement.dataset['theme'] = theme
    localStorage.setItem(key, theme)
    dispatchEvent(new Event('themechange'))
  }
  return (
    <button
      type="button"
      class="ghost"
      aria-label="Switch between light and dark"
      title="Light or dark"
      onClick={change}
    >
      <Icon name="theme" />
    </button>
  )
}

/** Counts the changes of theme: a canvas reads its colours again after each. */
export function useThemeChanges(): number {
  const [changes, setChanges] = useState(0)
  useEffect(() => {
    const changed = () => setChanges((count) => count + 1)
    const system = systemIsDark()
    addEventListener('themechange', changed)
    system.addEventListener('change', changed)
    return () => {
      removeEventListener('themechange', changed)
      system.removeEventListener('change', changed)
    }
  }, [])
  return changes
}

function systemIsDark(): MediaQueryList {
  return matchMedia('(prefers-color-scheme: dark)')
}
