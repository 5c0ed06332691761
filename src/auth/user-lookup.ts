/** Who a token's `uid` is: asked of the database, since users go, together with whoever else asks, and good for a second. */
import { setTimeout as pause } from 'node:timers/promises'
import DataLoader from 'dataloader'
import { LruMap } from 'toad-cache'

/** How long a look-up waits for an earlier one, in milliseconds: a query that hangs must not hold up the rest. */
const LONGEST_WAIT_MS = 5
/** How long a user who was found is taken to be there, in milliseconds: as fast as anything takes effect on every process. */
const GOOD_FOR_MS = 1000
/** How many are remembered; some 200 bytes each. */
const MAX_REMEMBERED = 10_000

/**
 * Makes the look-up by id. The first goes at once; what is asked while its query is under way goes together in the next,
 * so that a thousand clients that come back at once are not a thousand queries. Who is not found is asked about each time.
 */
export const createUserLookup = <User>(
  findByIds: (ids: readonly number[]) => Promise<ReadonlyMap<number, User>>,
  monotonic: () => number
): ((id: number) => Promise<User | undefined>) => {
  const found = new LruMap<{ readonly user: User; readonly until: number }>(MAX_REMEMBERED)
  let earlier: Promise<unknown> = Promise.resolve()
  const loader = new DataLoader<number, User | undefined>(
    async ids => {
      const query = findByIds([...new Set(ids)])
      earlier = Promise.race([query.catch(() => {}), pause(LONGEST_WAIT_MS)])
      const users = await query
      const until = monotonic() + GOOD_FOR_MS
      for (const [id, user] of users) found.set(id, { user, until })
      return ids.map(id => users.get(id))
    },
    // What else came in this turn of the loop goes along.
    { cache: false, batchScheduleFn: ask => void earlier.then(() => setImmediate(ask)) }
  )
  return async id => {
    const known = found.get(id)
    return known && monotonic() < known.until ? known.user : loader.load(id)
  }
}
