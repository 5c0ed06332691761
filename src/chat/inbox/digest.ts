/** Identifies the set of a user’s memberships. The database computes the same text. See `InboxRepository.digests`. */
import type { InboxRow } from '../../db/database.ts'

/** The digest of a user without rooms. */
export const NO_ROOMS = '0 0'

/** Returns the number of rooms and the sum of their ids. */
export const membershipsDigest = (rows: readonly Pick<InboxRow, 'roomId'>[]): string =>
  `${rows.length} ${rows.reduce((sum, { roomId }) => sum + roomId, 0)}`
