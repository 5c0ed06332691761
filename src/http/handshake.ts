/**
 * Performs the opening handshake of a WebSocket (RFC 6455, 4.2). If the handshake fails, the client receives a problem, as on
 * other routes.
 */
import { IncomingMessage } from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'
import { ChatError } from '../protocol/errors.ts'
import type { Upgrade } from './upgrades.ts'

export interface HandshakeOptions {
  /**
   * Maximum size in bytes of a WebSocket message from a client. Each WebSocket message contains one frame of the chat protocol.
   * A larger message closes the socket with 1009.
   */
  readonly maxPayload: number
  /** Returns which of the offered subprotocols to accept, or false to accept none. */
  chooseProtocol(offered: ReadonlySet<string>): string | false
}

export interface Handshake {
  /**
   * Completes the handshake and calls `opened` with the WebSocket, unless the client has disconnected. Throws a ChatError if
   * the request is not a valid handshake. In that case the caller must respond to the upgrade.
   */
  open(upgrade: Upgrade, opened: (socket: WebSocket) => void): void
}

/** Maximum number of fragments of a WebSocket message. A proxy may split the largest one into about two hundred fragments. */
const MAX_FRAGMENTS = 1024
/** Maximum number of buffered chunks of received bytes that `ws` has not parsed yet. Even a small chunk needs much memory. */
const MAX_CHUNKS = 4096
/** Timeout in milliseconds for a client to respond to a close frame. */
const CLOSE_TIMEOUT_MS = 5000

export const createHandshake = ({ maxPayload, chooseProtocol }: HandshakeOptions): Handshake => {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload,
    closeTimeout: CLOSE_TIMEOUT_MS,
    // `maxPayload` limits only the number of bytes, so without these limits a client could send any number of empty fragments.
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_CHUNKS,
    // The frame quota of the connection also limits pings, and closes the connection with a code that shows the reason. So the
    // limit of `ws` for pings is disabled.
    maxPendingAutoPongs: 0,
    handleProtocols: chooseProtocol
  } as ConstructorParameters<typeof WebSocketServer>[0])
  // `ws` emits `wsClientError` synchronously in `handleUpgrade`. Without a listener, `ws` would respond in plain text.
  const failures: Error[] = []
  server.on('wsClientError', error => failures.push(error))
  return {
    open({ request, socket, head }, opened) {
      checkRequest(request)
      server.handleUpgrade(request, socket, head, opened)
      const failure = failures.pop()
      if (failure) throw new ChatError('bad_request', `The WebSocket handshake is not valid: ${failure.message}.`)
    }
  }
}

const SUPPORTED_VERSIONS: ReadonlySet<string> = new Set(['13', '8'])

const checkRequest = (request: IncomingMessage): void => {
  const { upgrade, host, 'sec-websocket-version': version } = request.headers
  if (upgrade?.toLowerCase() !== 'websocket' || !SUPPORTED_VERSIONS.has(String(version))) {
    throw new ChatError(
      'upgrade_required',
      'This path accepts only WebSocket handshakes of version 13. Connect with a WebSocket client.'
    )
  }
  // Node does not check that an upgrade has a Host header. Injected requests in tests may omit the header.
  if (host === undefined && request instanceof IncomingMessage) {
    throw new ChatError('bad_request', 'The request has no Host header. Add the header.')
  }
}
