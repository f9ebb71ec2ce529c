// Runs before the first paint: the system's theme, until the reader chose one.
const chosen = localStorage.getItem('cinnabar.theme')
if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset['theme'] = chosen
