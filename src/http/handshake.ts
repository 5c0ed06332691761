/** The opening handshake of a WebSocket (RFC 6455, 4.2), refused with the errors of every other request. */
import { IncomingMessage } from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'
import { ChatError } from '../protocol/errors.ts'
import type { Upgrade } from './upgrades.ts'

/** What the handshake needs to know. */
export interface HandshakeOptions {
  /** The largest frame that a client may send, in bytes; a larger one closes the socket with 1009. */
  readonly maxPayload: number
  /** Returns the subprotocol of those that a client offers. */
  chooseProtocol(offered: ReadonlySet<string>): string | false
}

/** Opens WebSockets. */
export interface Handshake {
  /**
   * Calls `opened` with the WebSocket while the upgrade's socket can still be released; not if the client is gone. Throws a
   * ChatError for a request that doesn't open a WebSocket; then the upgrade still needs a response.
   */
  open(upgrade: Upgrade, opened: (socket: WebSocket) => void): void
}

/** Into how many fragments a frame may be cut; a proxy in the way may cut the largest into some two hundred. */
const MAX_FRAGMENTS = 1024
/** In how many pieces the network may deliver a frame: each of them costs far more memory than a byte. */
const MAX_CHUNKS = 4096
/** How long a client may take to respond to a close frame, in milliseconds. */
const CLOSE_TIMEOUT_MS = 5000

/** Creates the handshake of a chat. */
export const createHandshake = ({ maxPayload, chooseProtocol }: HandshakeOptions): Handshake => {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload,
    closeTimeout: CLOSE_TIMEOUT_MS,
    // Fragments are counted by their bytes, and only when the last has come.
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_CHUNKS,
    // A flood of pings is ended by the connection's quota, with a code that says so.
    maxPendingAutoPongs: 0,
    handleProtocols: chooseProtocol
  } as ConstructorParameters<typeof WebSocketServer>[0])
  // Emitted at once; without a listener, `ws` would respond in plain text.
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
  // Node checks it, but not where a request becomes an upgrade; one that a test injects has no need of it.
  if (host === undefined && request instanceof IncomingMessage) {
    throw new ChatError('bad_request', 'The request has no Host header.')
  }
}
