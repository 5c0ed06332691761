/** @jsxImportSource react */
/**
 * Shows the screen of the terminal client. The build bundles this module with Ink and React into one file, so that users need
 * not install Ink and React.
 */
import { render } from 'ink'
import type { ChatClient } from '../../../client/src/index.ts'
import type { Session } from '../session.ts'
import { App } from './app.tsx'

export interface ScreenOptions {
  readonly session: Session
  readonly room: string
  readonly hasColour: boolean
}

/**
 * Switches to the alternate screen buffer, clears it, turns on bracketed paste and turns off line wrapping. Terminals differ in
 * the width of some emoji. Without wrapping, a row that is too long is cut off and doesn't move the rows below.
 */
const ENTER = '\x1b[?1049h\x1b[2J\x1b[H\x1b[?2004h\x1b[?7l'
const LEAVE = '\x1b[?7h\x1b[?2004l\x1b[?1049l'
const CLEAR = '\x1b[2J\x1b[H'

/** Shows the screen until the user quits, then restores the terminal. */
export const openScreen = async ({ session, room, hasColour }: ScreenOptions): Promise<void> => {
  const { stdin, stdout } = process
  let client: ChatClient | undefined
  const connect = (): ChatClient => {
    client = session.connect()
    return client
  }
  stdin.setEncoding('utf8').setRawMode(true).resume()
  stdout.write(ENTER)
  // Ignores errors, because after the terminal was closed, writes fail until SIGHUP ends the process.
  stdout.on('error', () => {})
  const restore = (): void => {
    stdin.setRawMode(false).pause()
    stdout.write(LEAVE)
  }
  try {
    const app = render(<App session={session} room={room} hasColour={hasColour} connect={connect} />, {
      exitOnCtrlC: false,
      patchConsole: false
    })
    // Clears the screen, because a resize leaves parts of the previous output on it.
    stdout.prependListener('resize', () => {
      app.clear()
      stdout.write(CLEAR)
    })
    process.once('SIGTERM', () => app.unmount())
    await app.waitUntilExit()
  } finally {
    restore()
    client?.close()
    await session.end()
  }
}
