/** Looks up the users behind requests, in batches. Caches them for half a second only, because users are deleted and renamed. */
import { LruMap } from 'toad-cache'
import { createBatch } from '../lib/batch.ts'

/** Limits how long a user is cached, in milliseconds. */
const TTL_MS = 500
/** Limits how many users are cached; about 200 bytes each. */
const MAX_CACHED = 10_000

/** Creates a lookup by id, ours or a host application's. An id without a user is queried each time. */
export const createUserLookup = <Id extends number | string, User>(
  findByIds: (ids: readonly Id[]) => Promise<ReadonlyMap<Id, User>>,
  monotonic: () => number
): ((id: Id) => Promise<User | undefined>) => {
  const found = new LruMap<{ readonly user: User; readonly until: number }>(MAX_CACHED)
  const load = createBatch<Id, User>(async ids => {
    // Measured from before the query, which may be slow.
    const until = monotonic() + TTL_MS
    const users = await findByIds(ids)
    for (const [id, user] of users) found.set(id, { user, until })
    return users
  })
  return async id => {
    const known = found.get(id)
    return known && monotonic() < known.until ? known.user : load(id)
  }
}
