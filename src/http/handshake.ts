/** Performs the opening handshake of a WebSocket (RFC 6455, 4.2); a rejection is an HTTP error like any other. */
import { IncomingMessage } from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'
import { ChatError } from '../protocol/errors.ts'
import type { Upgrade } from './upgrades.ts'

/** Configures the handshake. */
export interface HandshakeOptions {
  /** Limits the frames that a client may send, in bytes; a larger one closes the socket with 1009. */
  readonly maxPayload: number
  /** Returns one of the subprotocols that a client offers. */
  chooseProtocol(offered: ReadonlySet<string>): string | false
}

/** Accepts WebSockets. */
export interface Handshake {
  /**
   * Calls `opened` with the WebSocket while the upgrade's socket can still be released, but not if the client has disconnected.
   * Throws a ChatError for a request that doesn't open a WebSocket; the caller must then respond to the upgrade.
   */
  open(upgrade: Upgrade, opened: (socket: WebSocket) => void): void
}

/** Limits the fragments of a frame. A proxy may split the largest frame into about two hundred. */
const MAX_FRAGMENTS = 1024
/** Limits the chunks in which the network delivers a frame: each chunk needs far more memory than a byte. */
const MAX_CHUNKS = 4096
/** Limits how long a client may take to respond to a close frame, in milliseconds. */
const CLOSE_TIMEOUT_MS = 5000

export const createHandshake = ({ maxPayload, chooseProtocol }: HandshakeOptions): Handshake => {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload,
    closeTimeout: CLOSE_TIMEOUT_MS,
    // `ws` counts fragments by their bytes, and only when the last one has arrived.
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_CHUNKS,
    // The connection's own quota ends a flood of pings, with a close code that names the reason.
    maxPendingAutoPongs: 0,
    handleProtocols: chooseProtocol
  } as ConstructorParameters<typeof WebSocketServer>[0])
  // `ws` emits this synchronously. Without a listener, it would respond in plain text.
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
  // Node doesn't check this where a request becomes an upgrade. An injected request in a test may omit it.
  if (host === undefined && request instanceof IncomingMessage) {
    throw new ChatError('bad_request', 'The request has no Host header.')
  }
}
