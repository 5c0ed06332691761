/** `--send`: messages from the standard input, for pipes and scripts. Done when the service has acknowledged each of them. */
import { type ChatClient, type ChatClientOptions, createChatClient, type Outgoing } from '../client/index.ts'

export interface SendOptions extends Pick<ChatClientOptions, 'url' | 'token' | 'WebSocket'> {
  readonly room: string
  /** All of the input is one message, or each line that isn't empty is one. */
  readonly isByLine: boolean
  /** How long to wait for the acknowledgements, in milliseconds. */
  readonly timeout: number
}

/** Sends; rejects in words if a message was refused, or not acknowledged in time. */
export const sendInput = async (input: string, options: SendOptions): Promise<void> => {
  const messages = messagesOf(input, options.isByLine)
  if (messages.length === 0) throw new Error('There is nothing to send: the standard input is empty.')
  const client = createChatClient(options)
  try {
    const room = client.room(options.room)
    const sent = messages.map(content => room.send(content))
    // What is on its way is sent all the same; a room that is only written to needs no following, and nobody a notice of it.
    room.leave()
    await inTime(client, options.timeout, acknowledged(sent, room.settled))
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

/** Statuses below 500 that pass by themselves: a timeout, a conflict, a replayed early request, a rate limit. */
const PASSING = [408, 409, 425, 429]
/** Statuses above that don't: the server lacks the method, or this version of HTTP. */
const LASTING = [501, 505]

/** Returns whether trying again meets the same status. A 401 never gets here: the client asks for another token. */
const isLasting = (status: number): boolean => (status < 500 ? !PASSING.includes(status) : LASTING.includes(status))

const refused = (detail: string): Error =>
  new Error(`${detail} Nothing was sent. Check --url, its path included, and --username.`)

const unreachable = (detail: string): Error =>
  new Error(`${detail} Nothing was sent. Check --url, and that the service runs.`)

/** Ends early when the client gives up or never reaches the service, and in any case after the time. */
const inTime = (client: ChatClient, timeout: number, work: Promise<void>): Promise<void> => {
  let detail = ''
  let wasOnline = false
  return new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      const why = detail && ` ${detail}`
      reject(new Error(`Not acknowledged within ${timeout / 1000} s; it may have been stored all the same.${why}`))
    }, timeout)
    const stop = client.on('state', state => {
      if ('detail' in state) detail = state.detail
      if (state.status === 'online') wasOnline = true
      if (state.status === 'offline') reject(new Error(state.detail))
      if (state.status !== 'waiting' || wasOnline) return
      // Nothing was sent yet, and a script should learn at once that the address is wrong or the service is down.
      if (state.reason === 'unreachable') reject(unreachable(state.detail))
      if (state.httpStatus !== undefined && isLasting(state.httpStatus)) reject(refused(state.detail))
    })
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer)
      stop()
    })
  })
}
