/** Splits bytes into pieces, so that the progress of a slow client can be measured while it reads a response. */

/** Maximum length of a piece, in bytes. */
export const PIECE_BYTES = 32 * 1024

/** Splits bytes into pieces without copying them. */
export function* piecesOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
}
