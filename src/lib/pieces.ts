/** Splits bytes into pieces, so that the progress of a slow client can be measured while it reads a response. */
import { setImmediate as nextTurn } from 'node:timers/promises'

/** Maximum length of a piece, in bytes. */
export const PIECE_BYTES = 32 * 1024

/**
 * Splits bytes into pieces without copying them, and yields one piece per turn of the event loop. Otherwise a stream would write
 * many pieces in one turn, because a socket accepts some megabytes at once.
 */
export async function* piecesOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    if (at > 0) await nextTurn()
    yield bytes.subarray(at, at + PIECE_BYTES)
  }
}
