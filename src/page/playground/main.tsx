import { render } from 'preact'
import './playground.css'
import { App } from './app.tsx'

const app = document.getElementById('app')
if (app !== null) render(<App />, app)
