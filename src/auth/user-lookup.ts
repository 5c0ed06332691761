/** Who a token's `uid` is: asked of the database, since users go, together with whoever else asks, and good for a second. */
import { LruMap } from 'toad-cache'
import { createBatch } from '../lib/batch.ts'

/** How long a user who was found is taken to be there, in milliseconds: as fast as anything takes effect on every process. */
const GOOD_FOR_MS = 1000
/** How many are remembered; some 200 bytes each. */
const MAX_REMEMBERED = 10_000

/** Creates the look-up by id. Who is not found is asked about each time. */
export const createUserLookup = <User>(
  findByIds: (ids: readonly number[]) => Promise<ReadonlyMap<number, User>>,
  monotonic: () => number
): ((id: number) => Promise<User | undefined>) => {
  const found = new LruMap<{ readonly user: User; readonly until: number }>(MAX_REMEMBERED)
  const load = createBatch<number, User>(async ids => {
    const users = await findByIds(ids)
    const until = monotonic() + GOOD_FOR_MS
    for (const [id, user] of users) found.set(id, { user, until })
    return users
  })
  return async id => {
    const known = found.get(id)
    return known && monotonic() < known.until ? known.user : load(id)
  }
}
