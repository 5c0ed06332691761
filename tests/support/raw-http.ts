/** Sends raw HTTP over TCP, TLS or a Unix socket: requests that no client library would send. */
import { once } from 'node:events'
import { connect as connectTcp, type NetConnectOpts, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { onTestFinished } from 'vitest'

export interface RawResponse {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

export interface RawConnection {
  readonly socket: Socket
  write(text: string | Buffer): void
  /** Returns the next response. Rejects if the connection closes before the response is complete. */
  response(): Promise<RawResponse>
  /** Resolves when the connection is closed, with the received bytes that `response` has not returned. */
  readonly closed: Promise<string>
}

/** Opens a connection. It is destroyed when the test ends. */
export const connectRaw = async (
  options: NetConnectOpts | ({ tls: true } & ConnectionOptions)
): Promise<RawConnection> => {
  const isTls = 'tls' in options
  const socket = isTls ? connectTls(options) : connectTcp(options)
  onTestFinished(() => void socket.destroy())
  let received = ''
  socket.setEncoding('latin1')
  socket.on('data', (text: string) => {
    received += text
  })
  socket.on('error', () => {})
  await once(socket, isTls ? 'secureConnect' : 'connect')
  const closed = once(socket, 'close').then(() => received)

  const response = async (): Promise<RawResponse> => {
    for (;;) {
      const parsed = parse(received)
      if (parsed) {
        received = received.slice(parsed.length)
        return parsed.response
      }
      if (socket.destroyed) throw new Error(`The connection closed after ${JSON.stringify(received.slice(0, 200))}`)
      await Promise.race([once(socket, 'data'), closed])
    }
  }
  return { socket, write: text => void socket.write(text), response, closed }
}

const parse = (text: string): { readonly response: RawResponse; readonly length: number } | undefined => {
  const end = text.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const [first = '', ...lines] = text.slice(0, end).split('\r\n')
  const headers = new Map(
    lines.map((line): [string, string] => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim()
    ])
  )
  const length = end + 4 + Number(headers.get('content-length') ?? 0)
  if (text.length < length) return undefined
  return { response: { status: Number(first.split(' ')[1]), headers, body: text.slice(end + 4, length) }, length }
}

/** Returns the text of a request with a `Host` header and `headers`. */
export const requestText = (line: string, headers: Readonly<Record<string, string>> = {}, body = ''): string => {
  const lines = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}`)
  return [`${line} HTTP/1.1`, ...lines, '', body].join('\r\n')
}

/** The headers of a WebSocket upgrade. */
export const WEBSOCKET = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ=='
} as const

/** The headers of an upgrade to HTTP/2 without TLS (h2c). */
export const H2C = {
  connection: 'Upgrade, HTTP2-Settings',
  upgrade: 'h2c',
  'http2-settings': 'AAMAAABkAAQAoAAAAAIAAAAA'
}
