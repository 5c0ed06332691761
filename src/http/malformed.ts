/** Responds with problems to requests that Node's HTTP parser rejects. Used only for a server that belongs to the chat. */
import { randomUUID } from 'node:crypto'
import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { ChatError } from '../protocol/errors.ts'
import { currentResponse } from './current-response.ts'
import { ofChatError, problemOf } from './problems.ts'

/** Timeout in milliseconds for a client to read the response. */
const LINGER_MS = 1000

type Rejection = readonly [status: number, error: ChatError]

const MALFORMED: Rejection = [
  400,
  new ChatError('bad_request', 'The request is not valid HTTP. Send a valid HTTP/1.1 request.')
]
/** Maps the code of an error from Node to the status and the error of the response. */
const REJECTIONS: Readonly<Record<string, Rejection>> = {
  HPE_HEADER_OVERFLOW: [
    431,
    new ChatError('payload_too_large', 'The headers of the request are too large. Send fewer or shorter headers.')
  ],
  ERR_HTTP_REQUEST_TIMEOUT: [408, new ChatError('bad_request', 'The request took too long to arrive. Send it again.')]
}
const NO_PROXY: Rejection = [
  405,
  new ChatError('bad_request', 'This server is not a proxy. Send the request to the target server.')
]

/**
 * Responds to a request that the parser rejected, and closes the connection. `headersFor` returns further headers of the
 * response. It is called only if the parser rejected the body, because Node does not provide the headers of a rejected head.
 */
export const refuseMalformed = (
  error: NodeJS.ErrnoException,
  socket: Duplex,
  headersFor: (request: IncomingMessage) => Readonly<Record<string, string>> = () => ({})
): void => {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return
  // While an earlier response is being sent, a second response would be mixed into it. So the socket is destroyed, as Node's
  // own handler does.
  const response = currentResponse(socket)
  if (response?.headersSent) socket.destroy()
  else write(socket, REJECTIONS[error.code ?? ''] ?? MALFORMED, response ? headersFor(response.req) : {})
}

/** Writes a response directly to the socket, because Node has not created a ServerResponse. */
const write = (socket: Duplex, [status, error]: Rejection, headers: Readonly<Record<string, string>> = {}): void => {
  const id = randomUUID()
  const body = JSON.stringify({ ...problemOf(ofChatError(error), id), status })
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/problem+json',
    'cache-control: no-store',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${id}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    'connection: close'
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  // If the socket were destroyed immediately, the response might be lost. If the client does not close the connection, the
  // timer destroys the socket.
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
}

/**
 * Responds to CONNECT requests with a problem. Passes requests with an unsupported expectation to the request handlers, where
 * `checkHead` rejects them with a problem. Without these listeners, Node would close the connection of a CONNECT request, and
 * would respond to an unsupported expectation with an empty 417.
 */
export const takeEveryRequest = (server: Server): void => {
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  server.on('connect', (_request, socket) => {
    socket.on('error', () => {})
    write(socket, NO_PROXY)
  })
}

/**
 * Throws if an HTTP/1.1 request has no Host header (RFC 9112, 3.2), or if a request has an unsupported expectation (RFC 9110,
 * 10.1.1).
 */
export const checkHead = ({ httpVersion, headers }: IncomingMessage): void => {
  if (httpVersion === '1.1' && headers.host === undefined) {
    throw new ChatError('bad_request', 'The request has no Host header. Add the header.')
  }
  if (headers.expect !== undefined && !/^100-continue$/i.test(headers.expect)) {
    throw Object.assign(
      new Error(
        'The value of the Expect header is not supported. Use "100-continue", or send the request without the header.'
      ),
      { statusCode: 417 }
    )
  }
}
