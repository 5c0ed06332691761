/** What Node refuses before it is a request, or without a body, as problems: only for a server that is the chat's own. */
import { randomUUID } from 'node:crypto'
import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { ChatError } from '../protocol/errors.ts'
import { ofChatError, problemOf } from './problems.ts'

/** How long a client may take to read why it is refused, in milliseconds. */
const LAST_ANSWER_MS = 1000

type Answer = readonly [status: number, error: ChatError]

const MALFORMED: Answer = [400, new ChatError('bad_request', 'The request is malformed.')]
/** By the code of Node's error. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  HPE_HEADER_OVERFLOW: [431, new ChatError('payload_too_large', 'The request’s head is too large. Send less.')],
  ERR_HTTP_REQUEST_TIMEOUT: [408, new ChatError('bad_request', 'The request took too long to arrive. Send it again.')]
}
const NO_PROXY: Answer = [405, new ChatError('bad_request', 'This is no proxy. Send the request to its own server.')]

/** Responds to what the parser could not read, and closes the connection. */
export const refuseMalformed = (error: NodeJS.ErrnoException, socket: Duplex): void => {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return
  // In the middle of an earlier response, as Node does by itself.
  if (isResponding(socket)) socket.destroy()
  else write(socket, ANSWERS[error.code ?? ''] ?? MALFORMED)
}

/** Returns whether a response on the socket has begun. */
const isResponding = (socket: Duplex): boolean => Boolean(Reflect.get(socket, '_httpMessage')?.headersSent)

/** Writes a response by hand: Node has made no ServerResponse. */
const write = (socket: Duplex, [status, error]: Answer): void => {
  const id = randomUUID()
  const body = JSON.stringify({ ...problemOf(ofChatError(error), id), status })
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/problem+json',
    'cache-control: no-store',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${id}`,
    'connection: close'
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  // A client that never closes its side must not keep the socket; closing at once might lose the response.
  const timer = setTimeout(() => socket.destroy(), LAST_ANSWER_MS)
  socket.once('close', () => clearTimeout(timer))
}

/** Turns what Node would refuse without a body into requests, which `checkHead` refuses, and responds to CONNECT. */
export const takeEveryRequest = (server: Server): void => {
  server.on('checkExpectation', (request, response) => server.emit('request', request, response))
  server.on('connect', (_request, socket) => {
    socket.on('error', () => {})
    write(socket, NO_PROXY)
  })
}

/** Throws for a request without a Host (RFC 9112, 3.2), and for an expectation that nobody meets (RFC 9110, 10.1.1). */
export const checkHead = ({ httpVersion, headers }: IncomingMessage): void => {
  if (httpVersion === '1.1' && headers.host === undefined) {
    throw new ChatError('bad_request', 'The request has no Host header.')
  }
  if (headers.expect !== undefined && !/^100-continue$/i.test(headers.expect)) {
    throw Object.assign(new Error('Send the request without the Expect header.'), { statusCode: 417 })
  }
}
