import { render } from 'preact'
import './console.css'
import { Console } from './app.tsx'

const app = document.getElementById('app')
if (app !== null) render(<Console />, app)
