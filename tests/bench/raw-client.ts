/**
 * Implements a WebSocket client with little overhead. The client counts frames by their headers and parses no JSON, so that one
 * process can run a thousand readers and is not the bottleneck.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface RawClient {
  /** The number of counted frames so far. A text frame is counted if its payload has at least `minBytes` bytes. */
  readonly frames: number
  /** Minimum size in bytes of the payload of a counted frame. */
  minBytes: number
  /** Whether only frames of the service with the type `message` are counted. */
  onlyMessages: boolean
  /** Called when counted frames arrive. `count` is the number of these frames. */
  onFrames: (count: number) => void
  /** Sends text frames in one write. */
  send(...texts: string[]): void
  close(): void
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const TEXT = 1
const PING = 9
/**
 * The index and value of a letter of the type in a frame of the service (`{"type":"…`). Of all types, only `message` has an m first
 * and an s third.
 */
const M = { at: 9, value: 0x6d }
const S = { at: 11, value: 0x73 }

/** Opens a WebSocket. Rejects if the status of the response is not 101. */
export const connectRaw = async (port: number, path: string): Promise<RawClient> => {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  const lines = [
    'host: 127.0.0.1',
    'connection: Upgrade',
    'upgrade: websocket',
    'sec-websocket-version: 13',
    `sec-websocket-key: ${KEY}`
  ]
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`)
  const rest = await upgraded(socket)
  return counting(socket, rest)
}

const upgraded = async (socket: Socket): Promise<Buffer> => {
  let head = Buffer.alloc(0)
  for (;;) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) continue
    socket.pause()
    if (!head.toString('latin1', 0, 12).endsWith('101')) throw new Error(head.toString('latin1', 0, end))
    return head.subarray(end + 4)
  }
}

const counting = (socket: Socket, rest: Buffer): RawClient => {
  let frames = 0
  let stash: Buffer = Buffer.alloc(0)
  let skip = 0
  const client: RawClient = {
    get frames() {
      return frames
    },
    minBytes: 0,
    onlyMessages: false,
    onFrames: () => {},
    send: (...texts) => void socket.write(Buffer.concat(texts.map(text => masked(TEXT, Buffer.from(text))))),
    close: () => void socket.destroy()
  }

  const read = (given: Buffer): void => {
    const chunk = stash.length > 0 ? Buffer.concat([stash, given]) : given
    stash = Buffer.alloc(0)
    let at = Math.min(skip, chunk.length)
    skip -= at
    let seen = 0
    while (at < chunk.length) {
      const short = (chunk[at + 1] ?? 0) & 127
      const header = short === 126 ? 4 : short === 127 ? 10 : 2
      const available = chunk.length - at
      const length = available < header ? 0 : lengthOf(chunk, at, short)
      if (available < header + Math.min(length, S.at + 1)) {
        stash = chunk.subarray(at)
        break
      }
      const opcode = (chunk[at] ?? 0) & 15
      const type = at + header
      const isMessage = chunk[type + M.at] === M.value && chunk[type + S.at] === S.value
      if (opcode === TEXT && length >= client.minBytes && (isMessage || !client.onlyMessages)) seen++
      else if (opcode === PING) socket.write(masked(10, Buffer.alloc(0)))
      const end = at + header + length
      skip = Math.max(0, end - chunk.length)
      at = end
    }
    frames += seen
    if (seen > 0) client.onFrames(seen)
  }

  socket.on('error', () => {})
  socket.on('data', read)
  if (rest.length > 0) setImmediate(() => read(rest))
  socket.resume()
  return client
}

/**
 * Returns the length of the payload of the frame that begins at an offset. `short` is the 7-bit length in the header of the
 * frame.
 */
const lengthOf = (chunk: Buffer, at: number, short: number): number => {
  if (short < 126) return short
  return short === 126 ? chunk.readUInt16BE(at + 2) : Number(chunk.readBigUInt64BE(at + 2))
}

/** Returns the bytes of a client's frame. The masking key is all zeros, so it does not change the payload. */
const masked = (opcode: number, payload: Buffer): Buffer => {
  const { length } = payload
  const header = length < 126 ? Buffer.alloc(6) : Buffer.alloc(8)
  header[0] = 0x80 | opcode
  if (length < 126) header[1] = 0x80 | length
  else {
    header[1] = 0x80 | 126
    header.writeUInt16BE(length, 2)
  }
  return Buffer.concat([header, payload])
}
