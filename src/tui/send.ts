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
      // Nothing was sent yet, and a script should learn at once that the address is wrong or the service is down.
      if (state.status === 'waiting' && state.reason === 'unreachable' && !wasOnline) reject(unreachable(state.detail))
    })
    work.then(resolve, reject).finally(() => {
      clearTimeout(timer)
      stop()
    })
  })
}
