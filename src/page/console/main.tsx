import { render } from 'preact'
import './console.css'
import { Panel, TopBar } from '../shared/panel.tsx'

function Console() {
  return (
    <>
      <TopBar name="console" facts={null} end={null} />
      <main class="console">
        <Panel title="Now">
          <p class="empty">Nothing is shown here yet.</p>
        </Panel>
      </main>
    </>
  )
}

const app = document.getElementById('app')
if (app !== null) render(<Console />, app)
