/** HTTP written by hand, over TCP, TLS or a Unix socket: what no client library would send. */
import { once } from 'node:events'
import { connect as connectTcp, type NetConnectOpts, type Socket } from 'node:net'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { onTestFinished } from 'vitest'

/** A response as it stood on the wire. */
export interface RawResponse {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** A connection that is written to by hand. */
export interface RawConnection {
  readonly socket: Socket
  write(text: string | Buffer): void
  /** The next response; rejects when the connection closes before it is whole. */
  response(): Promise<RawResponse>
  /** Resolves when the connection is closed, with what came after the last response. */
  readonly closed: Promise<string>
}

/** Opens a connection; destroyed when the test ends. */
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
      if (socket.destroyed) throw new Error(`closed after ${JSON.stringify(received.slice(0, 200))}`)
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

/** A request's text; `headers` are added to a Host. */
export const requestText = (line: string, headers: Readonly<Record<string, string>> = {}, body = ''): string => {
  const lines = Object.entries({ host: 'localhost', ...headers }).map(([name, value]) => `${name}: ${value}`)
  return [`${line} HTTP/1.1`, ...lines, '', body].join('\r\n')
}

/** The headers that open a WebSocket. */
export const WEBSOCKET = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ=='
} as const

/** The headers with which HTTP/2 is offered on a plain connection. */
export const H2C = {
  connection: 'Upgrade, HTTP2-Settings',
  upgrade: 'h2c',
  'http2-settings': 'AAMAAABkAAQAoAAAAAIAAAAA'
}
