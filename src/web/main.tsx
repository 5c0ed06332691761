/** Renders the app into the document. This file is the entry point of the page. */
import { render } from 'preact'
import { App } from './app.tsx'
import { type MailLink, mailLinkOf } from './mail-links.ts'

/** Removes a mail link from the address bar and returns it. */
const takeMailLink = (): MailLink | undefined => {
  const link = mailLinkOf(location.hash)
  if (link) history.replaceState(null, '', location.pathname)
  return link
}

const root = document.getElementById('root')
/**
 * The number of links opened since the page was loaded. It is the key of the app, so that Preact creates a new app for each
 * link, even for one that was opened before.
 */
let opened = 0
// This listener is added before the listeners of all components, so that no component reads the token of a link as the name of
// a room.
const show = (): void => {
  const link = takeMailLink()
  if (root && link) render(<App key={++opened} link={link} />, root)
}
addEventListener('hashchange', show)
const link = takeMailLink()
if (root) render(<App key={opened} link={link} />, root)
