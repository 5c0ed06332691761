/** Performs the opening handshake of a WebSocket (RFC 6455, 4.2). If it fails, the client gets a problem as on any other route. */
import { IncomingMessage } from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'
import { ChatError } from '../protocol/errors.ts'
import type { Upgrade } from './upgrades.ts'

/** The limits of the sockets, and the choice of a subprotocol. */
export interface HandshakeOptions {
  /** Maximum size of a frame from a client, in bytes. A larger frame closes the socket with 1009. */
  readonly maxPayload: number
  /** Returns the subprotocol to accept, one of those that the client offers, or false for none. */
  chooseProtocol(offered: ReadonlySet<string>): string | false
}

/** Accepts WebSockets. */
export interface Handshake {
  /**
   * Completes the handshake and calls `opened` with the WebSocket, unless the client has disconnected. Throws a ChatError if the
   * request does not open a WebSocket; the caller must then respond to the upgrade.
   */
  open(upgrade: Upgrade, opened: (socket: WebSocket) => void): void
}

/** Maximum number of fragments of a frame. A proxy may split the largest frame into about two hundred. */
const MAX_FRAGMENTS = 1024
/** Maximum number of chunks in which a frame may arrive. A chunk needs much more memory than its bytes. */
const MAX_CHUNKS = 4096
/** How long a client may take to respond to a close frame, in milliseconds. */
const CLOSE_TIMEOUT_MS = 5000

export const createHandshake = ({ maxPayload, chooseProtocol }: HandshakeOptions): Handshake => {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload,
    closeTimeout: CLOSE_TIMEOUT_MS,
    // `maxPayload` does not limit them: `ws` counts only the bytes of fragments, so empty ones would be unlimited.
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_CHUNKS,
    // Disabled: the frame quota of the connection limits pings, and closes with a code that gives the reason.
    maxPendingAutoPongs: 0,
    handleProtocols: chooseProtocol
  } as ConstructorParameters<typeof WebSocketServer>[0])
  // `ws` emits this event synchronously in `handleUpgrade`. Without a listener, it would send a response in plain text.
  const failures: Error[] = []
  server.on('wsClientError', error => failures.push(error))
  return {
    open({ request, socket, head }, opened) {
      checkRequest(request)
      server.handleUpgrade(request, socket, head, opened)
      const failure = failures.pop()
      if (failure) throw new ChatError('bad_request', `The request does not open a WebSocket: ${failure.message}.`)
    }
  }
}

const SUPPORTED_VERSIONS: ReadonlySet<string> = new Set(['13', '8'])

const checkRequest = (request: IncomingMessage): void => {
  const { upgrade, host, 'sec-websocket-version': version } = request.headers
  if (upgrade?.toLowerCase() !== 'websocket' || !SUPPORTED_VERSIONS.has(String(version))) {
    throw new ChatError('upgrade_required', 'Connect here with a WebSocket client of version 13.')
  }
  // Node does not require a Host header in an upgrade. Injected requests in tests may omit it.
  if (host === undefined && request instanceof IncomingMessage) {
    throw new ChatError('bad_request', 'The request has no Host header.')
  }
}
