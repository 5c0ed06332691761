/**
 * Runs one peer in its own process: `peers.ts KIND`. A peer is a program that the service is compared with, such as a `ws` server
 * or Socket.IO. When the peer is ready, it prints its port, or 0 if it listens on no port.
 */
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo, Socket } from 'node:net'
import { createInterface } from 'node:readline'
import websocket from '@fastify/websocket'
import Fastify from 'fastify'
import postgres from 'postgres'
import { type WebSocket, WebSocketServer } from 'ws'
import type { PeerKind } from './peer.ts'

const ready = (port: number): void => void process.stdout.write(`${port}\n`)

const listen = (server: ReturnType<typeof createServer>): void => {
  server.listen(0, '127.0.0.1', () => ready((server.address() as AddressInfo).port))
}

/** Returns the bytes of a text frame. The payload must be shorter than 64 KiB. All messages of the benchmarks are shorter. */
const frameOf = (data: Buffer): Buffer => {
  const head =
    data.length < 126 ? Buffer.from([0x81, data.length]) : Buffer.from([0x81, 126, data.length >> 8, data.length & 255])
  return Buffer.concat([head, data])
}

/**
 * Broadcasts every message with one `send` per socket. If `isChunked` is true, collects the messages of a turn of the event
 * loop, and sends them with one write per socket.
 */
const bareWs = (isChunked: boolean): void => {
  const server = createServer()
  const wss = new WebSocketServer({ server, perMessageDeflate: false })
  let waiting: Buffer[] = []
  const flush = () => {
    const bytes = Buffer.concat(waiting)
    waiting = []
    for (const client of wss.clients) (client as unknown as { _socket: Socket })._socket.write(bytes)
  }
  wss.on('connection', (socket: WebSocket) => {
    socket.on('message', (data: Buffer) => {
      if (!isChunked) {
        for (const client of wss.clients) client.send(data, { binary: false })
        return
      }
      waiting.push(frameOf(data))
      if (waiting.length === 1) setImmediate(flush)
    })
  })
  listen(server)
}

const socketIo = (): void => {
  const server = createServer()
  // Calls `require`, because the type check of the project would reject an `import`. The package is installed only in this
  // folder, and the type check runs without it.
  const { Server } = createRequire(import.meta.url)('socket.io')
  const io = new Server(server, { transports: ['websocket'], perMessageDeflate: false, pingInterval: 600_000 })
  io.on('connection', (socket: NodeJS.EventEmitter) => socket.on('message', data => io.emit('message', data)))
  listen(server)
}

/**
 * Accepts connections with `@fastify/websocket`. Each connection has only what every chat needs: a socket and a listener for
 * messages.
 */
const fastifyWebsocket = async (): Promise<void> => {
  const app = Fastify()
  await app.register(websocket)
  app.get('/', { websocket: true }, socket => {
    socket.on('message', () => {})
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  ready((app.server.address() as AddressInfo).port)
}

/** Responds to each request with the content of a JSON file. The environment variable `BODY` is the path of the file. */
const fastifyRoute = async (): Promise<void> => {
  const { readFileSync } = await import('node:fs')
  const body = readFileSync(process.env.BODY ?? '', 'utf8')
  const app = Fastify()
  app.get('/', (_request, reply) => reply.type('application/json; charset=utf-8').send(body))
  await app.listen({ port: 0, host: '127.0.0.1' })
  ready((app.server.address() as AddressInfo).port)
}

/**
 * Reads pages of 50 messages at random positions of the log, ten pages concurrently. Each input line is a duration in
 * milliseconds. The peer reads for this long, and then prints the number of pages per second.
 */
const postgresJs = (): void => {
  const { DATABASE_URL = '', ROWS = '0' } = process.env
  const sql = postgres(DATABASE_URL, { max: 10, onnotice: () => {} })
  const text = `select m.*, u.username from messages m join users u on u.id = m.user_id
    where room_id = 1 and seq between $1 and $2 order by seq`
  createInterface({ input: process.stdin }).on('line', async line => {
    const began = performance.now()
    let pages = 0
    const reader = async () => {
      while (performance.now() - began < Number(line)) {
        const to = 50 + Math.floor(Math.random() * (Number(ROWS) - 50))
        await sql.unsafe(text, [to - 49, to], { prepare: true })
        pages++
      }
    }
    await Promise.all(Array.from({ length: 10 }, reader))
    process.stdout.write(`${(1000 * pages) / (performance.now() - began)}\n`)
  })
  ready(0)
}

const peers: Record<PeerKind, () => unknown> = {
  'ws-loop': () => bareWs(false),
  'ws-chunk': () => bareWs(true),
  'fastify-websocket': fastifyWebsocket,
  'socket.io': socketIo,
  'fastify-route': fastifyRoute,
  'postgres.js': postgresJs
}

await peers[process.argv[2] as PeerKind]()
