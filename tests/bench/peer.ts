/** Starts a peer of peers.ts in a separate process. */
import { createInterface } from 'node:readline'
import { connectRaw } from './raw-client.ts'
import { measuredOf, type Subject, start } from './subjects.ts'

export type PeerKind = 'ws-loop' | 'ws-chunk' | 'fastify-websocket' | 'socket.io' | 'fastify-route' | 'postgres.js'

export interface Peer extends Subject {
  /** Writes a line to the standard input of the process. Returns the next line that the process prints. */
  request(line: string): Promise<string>
}

export const startPeer = async (kind: PeerKind, env: Readonly<Record<string, string>> = {}): Promise<Peer> => {
  const child = start(['--import', 'tsx', 'tests/bench/peers.ts', kind], env)
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]()
  const nextLine = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done) throw new Error(`The peer ${kind} ended.`)
    return value
  }
  const port = Number(await nextLine())
  const isSocketIo = kind === 'socket.io'
  const path = isSocketIo ? '/socket.io/?EIO=4&transport=websocket' : '/'
  return {
    ...measuredOf(child),
    name: kind,
    port,
    isSocketIo,
    path: () => path,
    async connect() {
      const client = await connectRaw(port, path)
      if (!isSocketIo) return client
      client.send('40')
      while (client.frames < 2) await new Promise(setImmediate)
      return client
    },
    message: text =>
      isSocketIo ? `42${JSON.stringify(['message', { content: text }])}` : JSON.stringify({ content: text }),
    async request(line) {
      child.stdin?.write(`${line}\n`)
      return nextLine()
    }
  }
}
