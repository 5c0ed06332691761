/**
 * Runs a proxy between one client and the service. The proxy forwards HTTP requests and WebSocket connections, and reports
 * requests and frames. The address of the proxy stays the same when the service process behind it is replaced.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, request } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex, Writable } from 'node:stream'
import * as ws from 'ws'
import type { Sender } from './catalog.ts'

export interface ProxyOptions {
  /** Returns the port of the service process. */
  readonly target: () => number
  readonly onResponse: (method: string, url: string, status: number) => void
  readonly onFrame: (sender: Sender, frame: Record<string, unknown>) => void
}

export interface ClientProxy {
  readonly url: string
  close(): Promise<void>
}

// The types of `ws` lack the parser of frames.
const { Receiver } = ws as unknown as { Receiver: new (options: { isServer: boolean }) => Writable }

/** Returns a function that parses one direction of a WebSocket connection. */
const parser = (sender: Sender, onFrame: ProxyOptions['onFrame']): ((bytes: Buffer) => void) => {
  const receiver = new Receiver({ isServer: sender === 'client' })
  receiver.on('message', (data: Buffer, isBinary: boolean) => !isBinary && onFrame(sender, JSON.parse(String(data))))
  receiver.on('error', error => process.stderr.write(`A frame could not be parsed: ${error.message}\n`))
  // Passes a copy, because the parser unmasks the bytes in place.
  return bytes => void receiver.write(Buffer.from(bytes))
}

const HEAD_END = '\r\n\r\n'

/** Returns a function that skips the head of a response. Parses what follows as frames if the status is 101. */
const afterUpgrade = (parse: (bytes: Buffer) => void): ((bytes: Buffer) => void) => {
  let head: Buffer | undefined = Buffer.alloc(0)
  let isUpgraded = false
  return bytes => {
    if (head === undefined) return isUpgraded ? parse(bytes) : undefined
    head = Buffer.concat([head, bytes])
    const end = head.indexOf(HEAD_END)
    if (end < 0) return
    isUpgraded = head.toString('latin1', 0, 12) === 'HTTP/1.1 101'
    const rest = head.subarray(end + HEAD_END.length)
    head = undefined
    if (isUpgraded && rest.length > 0) parse(rest)
  }
}

/** Returns the head of an upgrade without the offer to compress frames, because `parser` can't read compressed frames. */
const headOf = ({ method, url, rawHeaders }: IncomingMessage): string => {
  const pairs = rawHeaders.flatMap((name, at) => (at % 2 === 0 ? [[name, rawHeaders[at + 1]] as const] : []))
  const kept = pairs.filter(([name]) => name.toLowerCase() !== 'sec-websocket-extensions')
  return [`${method} ${url} HTTP/1.1`, ...kept.map(pair => pair.join(': ')), '', ''].join('\r\n')
}

const tunnel = ({ target, onFrame }: ProxyOptions, message: IncomingMessage, client: Duplex, rest: Buffer): Socket => {
  const service = connect(target(), '127.0.0.1')
  service.write(headOf(message))
  service.write(rest)
  client.on('data', parser('client', onFrame))
  service.on('data', afterUpgrade(parser('service', onFrame)))
  client.pipe(service).pipe(client)
  for (const [from, to] of [
    [client, service],
    [service, client]
  ] as const) {
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
  }
  return service
}

export const startProxy = async (options: ProxyOptions): Promise<ClientProxy> => {
  const tunnels = new Set<Socket>()
  const server = createServer((message, response) => {
    const { method = 'GET', url = '/', headers } = message
    const { connection: _, ...kept } = headers
    const forwarded = request(
      { host: '127.0.0.1', port: options.target(), method, path: url, headers: kept, agent: false },
      incoming => {
        response.writeHead(incoming.statusCode ?? 502, incoming.headers)
        incoming.pipe(response)
        incoming.on('error', () => response.destroy())
        incoming.on('end', () => options.onResponse(method, url, incoming.statusCode ?? 502))
      }
    )
    message.pipe(forwarded)
    forwarded.on('error', () => response.destroy())
    response.on('close', () => forwarded.destroy())
  })
  server.on('upgrade', (message, client, rest) => {
    const service = tunnel(options, message, client, rest)
    tunnels.add(service)
    service.on('close', () => tunnels.delete(service))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      for (const one of tunnels) one.destroy()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }
}
