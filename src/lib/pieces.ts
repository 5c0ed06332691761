/** Splits bytes into pieces, so that a slow client's progress shows while it reads them. */

/** Sets the length of a piece, in bytes. */
export const PIECE_BYTES = 32 * 1024

/** Splits bytes into pieces without copying them. */
export function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
}
