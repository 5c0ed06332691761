/**
 * HTTP upgrades of a server that is not ours alone. `@fastify/websocket` takes every upgrade of the server and routes it as a
 * request, also those that another library waits for, and lets go only of sockets that were refused in its own scope. Here it
 * gets those at the chat's own paths; for all others it is as if it weren't there.
 *
 * So too for offers that nobody here takes: clients that offer HTTP/2 on a plain connection (`Upgrade: h2c`: Java's, `curl
 * --http2`) expect a server that doesn't know it to ignore the offer (RFC 9110, 7.8). Node hands every upgrade to a listener
 * once there is one, so such a request is put back and parsed again without the offer.
 */
import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'

type Listener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** One gate a server, whoever registers how many chats on it. */
const gates = new WeakMap<Server, Map<string, Listener>>()

/**
 * Lets `take` add its listener for upgrades, and keeps it to those at `path`. The returned function takes it out again:
 * what comes then is a request like any other.
 */
export const keepUpgradesTo = async (server: Server, path: string, take: () => Promise<void>): Promise<() => void> => {
  const before = new Set(server.listeners('upgrade'))
  await take()
  const added = server.listeners('upgrade').filter(listener => !before.has(listener)) as Listener[]
  for (const listener of added) server.off('upgrade', listener)
  const paths = gates.get(server) ?? openGate(server)
  paths.set(path, (...upgrade) => {
    for (const listener of added) listener.call(server, ...upgrade)
  })
  return () => {
    paths.delete(path)
  }
}

const openGate = (server: Server): Map<string, Listener> => {
  const paths = new Map<string, Listener>()
  gates.set(server, paths)
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket'
    const listener = isWebSocket ? paths.get(request.url?.split('?', 1)[0] ?? '') : undefined
    if (listener) return listener.call(server, request, socket, head)
    if (server.listenerCount('upgrade') > 1) return
    // Nothing else can come from a client that wanted a WebSocket.
    const put = headOf(request, isWebSocket ? ['connection: close'] : [])
    socket.unshift(Buffer.concat([Buffer.from(put, 'latin1'), head]))
    // A TLS server has unwrapped it already.
    server.emit('encrypted' in socket ? 'secureConnection' : 'connection', socket)
  })
  return paths
}

const HOP_BY_HOP = new Set(['upgrade', 'connection', 'http2-settings'])

/** The request's head as it came, without what offers the upgrade. */
const headOf = ({ method, url, httpVersion, rawHeaders }: IncomingMessage, more: readonly string[]): string => {
  const lines = [`${method} ${url} HTTP/${httpVersion}`, ...more]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    if (!HOP_BY_HOP.has(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[at + 1]}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}
