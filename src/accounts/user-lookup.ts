/** Looks up the users of requests in batches. Caches a user for only half a second, because users may be deleted or renamed. */
import { LruMap } from 'toad-cache'
import { createBatch } from '../lib/batch.ts'

/** Time in milliseconds for which a user is cached. */
const TTL_MS = 500
/** Maximum number of cached users. Each needs about 200 bytes. */
const MAX_CACHED = 10_000

/**
 * Creates a function that looks up users by the ids that `findByIds` accepts, for example their ids in the host application. The
 * function is synchronous if the user is cached. Ids that belong to no user are not cached.
 */
export const createUserLookup = <Id extends number | string, User>(
  findByIds: (ids: readonly Id[]) => Promise<ReadonlyMap<Id, User>>,
  monotonic: () => number
): ((id: Id) => User | Promise<User | undefined>) => {
  const found = new LruMap<{ readonly user: User; readonly until: number }>(MAX_CACHED)
  const load = createBatch<Id, User>(async ids => {
    // Computed before the query, because the result may already be outdated when a slow query ends.
    const until = monotonic() + TTL_MS
    const users = await findByIds(ids)
    for (const [id, user] of users) found.set(id, { user, until })
    return users
  })
  return id => {
    const known = found.get(id)
    return known && monotonic() < known.until ? known.user : load(id)
  }
}
