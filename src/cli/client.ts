/**
 * Runs `fastify-chat client`, a chat in the terminal or in a pipe. Reads the environment and connects the client to the
 * process's streams and signals. The client itself is in src/tui.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { streamFrames, tappedSocket } from '../tui/frames.ts'
import { sendInput } from '../tui/send.ts'
import { createSession, type Session } from '../tui/session.ts'
import { openSessionFile } from '../tui/session-file.ts'
import { printJson, printNote } from './print.ts'

/** The command-line options, as Commander has parsed them. */
export interface ClientOptions {
  readonly url: string
  readonly username?: string
  readonly room: string
  readonly remember?: true
  readonly send?: true
  readonly lines?: true
  readonly json?: true
  /** Maximum time in seconds that `--send` waits for the acknowledgements. */
  readonly timeout: number
}

/** Runs the client in the mode that the options select. */
export const client = async (options: ClientOptions): Promise<void> => {
  const { FASTIFY_CHAT_PASSWORD: password, XDG_CONFIG_HOME: config, NO_COLOR: noColour } = process.env
  const url = checkedUrl(options.url)
  const session = createSession({
    url,
    username: options.username,
    password: password || undefined,
    file: openSessionFile(config || join(homedir(), '.config')),
    shouldRemember: options.remember ?? false
  })
  if (options.send || options.json) return inPipe(session, options)
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new Error(
      'The input or output is not a terminal. In a pipe, use --send or --json. See fastify-chat client --help.'
    )
  }
  const { openScreen } = await import('../tui/screen/index.tsx')
  await openScreen({ session, room: options.room, hasColour: !noColour })
}

const checkedUrl = (given: string): string => {
  const url = URL.canParse(given) ? new URL(given) : undefined
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return given.replace(/\/+$/, '')
  throw new Error(
    `--url is ${JSON.stringify(given)}, which is not an HTTP URL. Use a URL such as https://chat.example.com.`
  )
}

const inPipe = async (session: Session, options: ClientOptions): Promise<void> => {
  if (!session.isReady) {
    throw new Error(
      'You are not logged in. Use --username and set FASTIFY_CHAT_PASSWORD, or log in once in a terminal with --remember.'
    )
  }
  // Ends the stream of frames when the program that reads the output has exited, as in `… --json | head -1`.
  const stopped = new AbortController()
  process.stdout.on('error', () => stopped.abort())

  const { url, token } = session
  const connection = {
    url,
    token,
    room: options.room,
    ...(options.json ? { WebSocket: await tappedSocket(printJson) } : {})
  }
  if (!options.send) {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort())
    return streamFrames({
      ...connection,
      signal: stopped.signal,
      onReconnect: printNote
    })
  }
  const input = await text(process.stdin)
  await sendInput(input, { ...connection, isByLine: options.lines ?? false, timeout: options.timeout * 1000 })
}
