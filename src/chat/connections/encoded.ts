/** Encodes a message as a WebSocket frame (RFC 6455, 5.2) once for many sockets, and concatenates frames for one write. */
/** One text message as a complete WebSocket frame: a frame header of `head` bytes, then the JSON. */
export interface Encoded {
  readonly frame: Buffer
  readonly head: number
}

/** Frames for one write. `bytes` is their concatenation. */
export interface Chunk<Frame extends Encoded = Encoded> {
  readonly frames: readonly Frame[]
  readonly bytes: Buffer
}

const TEXT = 0x81
const LENGTH_16 = 126
const LENGTH_64 = 127

/** Encodes a JSON text as one WebSocket text frame. The frame is unmasked, like every frame that a server sends. */
export const encode = (json: string): Encoded => {
  const length = Buffer.byteLength(json)
  const head = length < LENGTH_16 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(head + length)
  frame[0] = TEXT
  if (head === 2) frame[1] = length
  else if (head === 4) {
    frame[1] = LENGTH_16
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = LENGTH_64
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  frame.write(json, head, 'utf8')
  return { frame, head }
}

/** Concatenates frames for one write. */
export const chunkOf = <Frame extends Encoded>(frames: readonly Frame[]): Chunk<Frame> => {
  const [only] = frames
  const bytes = only && frames.length === 1 ? only.frame : Buffer.concat(frames.map(({ frame }) => frame))
  return { frames, bytes }
}

/** The last chunk that starts with each frame. The references are weak, so that the chunks do not stay in memory. */
const shared = new WeakMap<Encoded, WeakRef<Chunk>>()

/**
 * Like `chunkOf`, but returns the same chunk for the same frames while the chunk is in memory. When a process stops, thousands of
 * clients resume on another one and receive the same entries, which are then copied once and not for each client.
 */
export const sharedChunkOf = (frames: readonly Encoded[]): Chunk => {
  const [first] = frames
  const known = first && shared.get(first)?.deref()
  if (known && isSame(known.frames, frames)) return known
  const chunk = chunkOf(frames)
  if (first) shared.set(first, new WeakRef(chunk))
  return chunk
}

const isSame = (one: readonly Encoded[], other: readonly Encoded[]): boolean =>
  one.length === other.length && one.every((frame, at) => frame === other[at])
