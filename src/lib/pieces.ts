/** Bytes in pieces, so that a slow client's progress is seen while it reads them. */

/** The length of a piece. */
export const PIECE_BYTES = 32 * 1024

/** Cuts bytes into pieces, without copying them. */
export function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
}
