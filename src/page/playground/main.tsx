import { render } from 'preact'
import './playground.css'
import { TopBar } from '../shared/panel.tsx'

const app = document.getElementById('app')
if (app !== null) render(<TopBar name="playground" facts={null} end={null} />, app)
