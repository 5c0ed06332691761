/** Implements `--send`: sends messages from the standard input, and ends when the service has acknowledged all of them. */
import { type ChatClient, type ChatClientOptions, createChatClient, type Outgoing } from '../../client/src/index.ts'

export interface SendOptions extends Pick<ChatClientOptions, 'url' | 'token' | 'WebSocket'> {
  readonly room: string
  /** True if each non-empty line is a message. False if the whole input is one message. */
  readonly isByLine: boolean
  /** Maximum time in milliseconds to wait for all acknowledgements. */
  readonly timeout: number
}

/**
 * Sends the input. Rejects with an error for the user if the input has no text, or if the service does not acknowledge all
 * messages.
 */
export const sendInput = async (input: string, options: SendOptions): Promise<void> => {
  const messages = messagesOf(input, options.isByLine)
  if (messages.length === 0)
    throw new Error('There is nothing to send: the standard input contains no text. Pipe the text into the command.')
  const client = createChatClient(options)
  try {
    const room = client.room(options.room)
    const sent = messages.map(content => room.send(content))
    // Unsubscribes, so that the service does not announce this user to the room. Sending does not require a subscription.
    room.leave()
    await withDeadline(client, options.timeout, acknowledged(sent, room.settled))
  } finally {
    client.close()
  }
}

const messagesOf = (input: string, isByLine: boolean): string[] => {
  const text = input.replace(/\r\n/g, '\n')
  return (isByLine ? text.split('\n') : [text.replace(/\n$/, '')]).filter(message => message.trim() !== '')
}

const acknowledged = async (
  sent: Outgoing[],
  settled: (nonce: string) => Promise<Outgoing | undefined>
): Promise<void> => {
  for (const { nonce } of sent) {
    const message = await settled(nonce)
    if (message?.status !== 'sent') throw new Error(message?.error?.detail ?? 'The message was not sent.')
  }
}

/** The status codes of temporary client errors: timeout, conflict, early request that might be replayed, rate limit. */
const TEMPORARY = [408, 409, 425, 429]
/** The status codes of permanent server errors: the service does not support the method or the version of HTTP. */
const PERMANENT = [501, 505]

/**
 * Returns whether a retry would get the same status. Not called for a 401, because the client then gets a new token or goes
 * offline.
 */
const isPermanent = (status: number): boolean =>
  status < 500 ? !TEMPORARY.includes(status) : PERMANENT.includes(status)

const refused = (detail: string): Error =>
  new Error(`${detail} Nothing was sent. Check --url (with its path) and --username.`)

const unreachable = (detail: string): Error =>
  new Error(`${detail} Nothing was sent. Check --url and that the service is running.`)

/**
 * Waits for `work`. Rejects after `timeout` milliseconds and when the client goes offline. Before the first connection, also
 * rejects when the service is unreachable or responds with a permanent error.
 */
const withDeadline = (client: ChatClient, timeout: number, work: Promise<void>): Promise<void> => {
  let detail = ''
  let wasOnline = false
  return new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      const why = detail && `${detail} `
      const advice = 'Some messages may have been stored. Check the room before you send the input again.'
      reject(new Error(`${why}The service did not acknowledge all messages within ${timeout / 1000} s. ${advice}`))
    }, timeout)
    const stop = client.on('state', state => {
      if ('detail' in state) detail = state.detail
      if (state.status === 'online') wasOnline = true
      if (state.status === 'offline') reject(new Error(state.detail))
      if (state.status !== 'waiting' || wasOnline) return
      // Rejects before any message was sent, so that a script fails immediately if the URL is wrong or the service is down.
      if (state.reason === 'unreachable') reject(unreachable(state.detail))
      if (state.httpStatus !== undefined && isPermanent(state.httpStatus)) reject(refused(state.detail))
    })
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer)
      stop()
    })
  })
}
