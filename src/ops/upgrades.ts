/**
 * HTTP upgrades to anything but a WebSocket. Clients that offer HTTP/2 on a plain connection (`Upgrade: h2c`: Java's, `curl
 * --http2`) expect a server that doesn't know it to ignore the offer (RFC 9110, 7.8). Node hands every upgrade to the
 * listeners instead, and what `ws` doesn't like it refuses; so such a request is put back and parsed again without the offer.
 */
import type { IncomingMessage } from 'node:http'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'

type Listener = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

const HOP_BY_HOP = new Set(['upgrade', 'connection', 'http2-settings'])

/** Puts itself before the listeners there are; the returned function takes everything out, and upgrades are refused. */
export const onlyWebSockets = (server: Server): (() => void) => {
  const listeners = server.listeners('upgrade') as Listener[]
  server.removeAllListeners('upgrade')
  const onUpgrade: Listener = (request, socket, head) => {
    if (request.headers.upgrade?.toLowerCase() === 'websocket') {
      for (const listener of listeners) listener.call(server, request, socket, head)
      return
    }
    socket.unshift(Buffer.concat([Buffer.from(headOf(request), 'latin1'), head]))
    server.emit('connection', socket)
  }
  server.on('upgrade', onUpgrade)
  return () => {
    server.off('upgrade', onUpgrade)
  }
}

/** The request's head as it came, without what offers the upgrade. */
const headOf = ({ method, url, httpVersion, rawHeaders }: IncomingMessage): string => {
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    if (!HOP_BY_HOP.has(name.toLowerCase())) lines.push(`${name}: ${rawHeaders[at + 1]}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}
