/** Looks up who a caller is, together with whoever else calls, and for half a second only: users are deleted and renamed. */
import { LruMap } from 'toad-cache'
import { createBatch } from '../lib/batch.ts'

/** How long a user who was found is taken to be there, in milliseconds. */
const GOOD_FOR_MS = 500
/** How many are remembered; some 200 bytes each. */
const MAX_REMEMBERED = 10_000

/** Creates a look-up by id, ours or a host application's. Who is not found is asked about each time. */
export const createUserLookup = <Id extends number | string, User>(
  findByIds: (ids: readonly Id[]) => Promise<ReadonlyMap<Id, User>>,
  monotonic: () => number
): ((id: Id) => Promise<User | undefined>) => {
  const found = new LruMap<{ readonly user: User; readonly until: number }>(MAX_REMEMBERED)
  const load = createBatch<Id, User>(async ids => {
    // From when it was asked: a query may be slow.
    const until = monotonic() + GOOD_FOR_MS
    const users = await findByIds(ids)
    for (const [id, user] of users) found.set(id, { user, until })
    return users
  })
  return async id => {
    const known = found.get(id)
    return known && monotonic() < known.until ? known.user : load(id)
  }
}
