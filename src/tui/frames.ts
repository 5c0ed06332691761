/** Implements `--json`, which prints every frame from the service as a line of JSON, for scripts. */
import type { ChatClientOptions, SocketConstructor } from '../../client/src/index.ts'
import { createChatClient } from '../../client/src/index.ts'
import { findWebSocket, NO_WEBSOCKET, type SocketLike } from '../../client/src/platform.ts'

/** Returns a WebSocket constructor that passes each text frame to `onText`, unchanged, before the client handles it. */
export const tappedSocket = async (onText: (text: string) => void): Promise<SocketConstructor> => {
  const Socket = await findWebSocket()
  if (!Socket) throw new Error(NO_WEBSOCKET)
  return tapped(Socket, onText)
}

const tapped = (Socket: SocketConstructor, onText: (text: string) => void): SocketConstructor =>
  class Tapped implements SocketLike {
    onopen: SocketLike['onopen'] = null
    onmessage: SocketLike['onmessage'] = null
    onclose: SocketLike['onclose'] = null
    onerror: SocketLike['onerror'] = null
    readonly send: SocketLike['send']
    readonly close: SocketLike['close']
    readonly terminate: () => void

    constructor(url: string, protocols: string[]) {
      const inner = new Socket(url, protocols)
      inner.onopen = event => this.onopen?.(event)
      inner.onclose = event => this.onclose?.(event)
      inner.onerror = event => this.onerror?.(event)
      inner.onmessage = (event: { data: unknown }) => {
        if (typeof event.data === 'string') onText(event.data)
        this.onmessage?.(event as never)
      }
      this.send = data => inner.send(data)
      this.close = (code, reason) => inner.close(code, reason)
      this.terminate = () => (inner.terminate ? inner.terminate() : inner.close())
    }
  }

export interface FramesOptions extends Pick<ChatClientOptions, 'url' | 'token' | 'WebSocket'> {
  readonly room: string
  /** Called with the reason, as a sentence for the user, each time the client has to reconnect. */
  readonly onReconnect: (sentence: string) => void
  /** Closes the connection when the signal is aborted. */
  readonly signal: AbortSignal
}

/**
 * Subscribes to a room. Resolves when `signal` is aborted. Rejects with an error for the user when the client stops
 * reconnecting.
 */
export const streamFrames = ({ room, onReconnect, signal, ...options }: FramesOptions): Promise<void> => {
  const client = createChatClient(options)
  client.room(room)
  return new Promise<void>((resolve, reject) => {
    client.on('state', state => {
      if (state.status === 'waiting') onReconnect(`reconnecting… (${state.detail})`)
      if (state.status === 'offline' && state.reason !== 'closed') reject(new Error(state.detail))
    })
    signal.addEventListener('abort', () => resolve(), { once: true })
  }).finally(() => client.close())
}
