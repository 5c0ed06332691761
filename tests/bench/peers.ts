/** The peers, each a process of its own: `peers.ts ws-loop|ws-chunk|socket.io`. Prints its port when it listens. */
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { chunkOf, type Encoded, encode, type WritableSocket, write } from '../../src/chat/fanout.ts'

const server = createServer()
const [, , kind] = process.argv

/** What comes in goes out to everybody: with one `send` each, as one does, or with one write for all of a turn. */
const bareWs = (isChunked: boolean): void => {
  const wss = new WebSocketServer({ server, perMessageDeflate: false })
  let waiting: Encoded[] = []
  const flush = () => {
    const chunk = chunkOf(waiting)
    waiting = []
    for (const client of wss.clients) write(client as unknown as WritableSocket, chunk)
  }
  wss.on('connection', (socket: WebSocket) => {
    socket.on('message', (data: Buffer) => {
      if (!isChunked) {
        for (const client of wss.clients) client.send(data, { binary: false })
        return
      }
      waiting.push(encode(data.toString()))
      if (waiting.length === 1) setImmediate(flush)
    })
  })
}

const socketIo = (): void => {
  // Of this folder's own package, whose types the project's check does not need.
  const { Server } = createRequire(import.meta.url)('socket.io')
  const io = new Server(server, { transports: ['websocket'], perMessageDeflate: false, pingInterval: 600_000 })
  io.on('connection', (socket: NodeJS.EventEmitter) => socket.on('message', data => io.emit('message', data)))
}

if (kind === 'socket.io') socketIo()
else bareWs(kind === 'ws-chunk')
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
