/** @jsxImportSource react */
/** The terminal client's screen. At build, this and everything it needs of Ink and React becomes one file: users install neither. */
import { render } from 'ink'
import type { ChatClient } from '../../client/index.ts'
import type { Session } from '../session.ts'
import { App } from './app.tsx'

export interface ScreenOptions {
  readonly session: Session
  readonly room: string
  readonly hasColour: boolean
}

/**
 * The other screen buffer, cleared, with pastes marked; and back. Terminals differ in how wide they draw some emoji: without their
 * own wrapping, a row that becomes too long is cut, and doesn't move the others.
 */
const ENTER = '\x1b[?1049h\x1b[2J\x1b[H\x1b[?2004h\x1b[?7l'
const LEAVE = '\x1b[?7h\x1b[?2004l\x1b[?1049l'
const CLEAR = '\x1b[2J\x1b[H'

/** Takes over the terminal until the user leaves. */
export const openScreen = async ({ session, room, hasColour }: ScreenOptions): Promise<void> => {
  const { stdin, stdout } = process
  let client: ChatClient | undefined
  const connect = (): ChatClient => {
    client = session.connect()
    return client
  }
  stdin.setEncoding('utf8').setRawMode(true).resume()
  stdout.write(ENTER)
  // A terminal that is gone takes the process with it (SIGHUP); what is still written to it must not fail loudly.
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
    // A window that changes leaves pieces of the old drawing anywhere.
    stdout.prependListener('resize', () => {
      app.clear()
      stdout.write(CLEAR)
    })
    process.once('SIGTERM', () => app.unmount())
    await app.waitUntilExit()
  } finally {
    restore()
    client?.close()
  }
}
