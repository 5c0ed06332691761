/** The entry point of the page: renders the app into the document. */
import { render } from 'preact'
import { App } from './app.tsx'

const root = document.getElementById('root')
if (root) render(<App />, root)
