/** Finds messages of a room's log in the page cache, without a query. The log may have other entries between them. */
import type { Extent } from '../../db/database.ts'
import { type Entry, isListedIn } from './entry.ts'
import type { PageCache } from './page-cache.ts'
import type { CachedPage } from './page-store.ts'
import { type CachedRuns, maxPositions } from './runs.ts'

/** Creates the searches. Each passes at most `maxPositions` positions, so that its time is limited. */
export const createCachedRuns = (pages: Pick<PageCache<Entry>, 'page'>): CachedRuns => ({
  runsBefore(roomId, { from, to, count }, withNotices) {
    const found: number[] = []
    const end = to - maxPositions(count)
    for (let at = to; at >= from && found.length < count; ) {
      const page = at > end ? pages.page(roomId, at) : undefined
      if (!page) return undefined
      const listed = listedOn(page, from, at, withNotices)
      for (const seq of listed.reverse()) if (found.length < count) found.push(seq)
      at = page.first - 1
    }
    return runsOf(found.reverse())
  },
  runsAfter(roomId, { from, to, count }, withNotices) {
    const found: number[] = []
    const end = from + maxPositions(count)
    for (let at = from; at <= to && found.length < count; ) {
      const page = at < end ? pages.page(roomId, at) : undefined
      if (!page) return undefined
      found.push(...listedOn(page, at, to, withNotices))
      at = page.last + 1
    }
    return runsOf(found.slice(0, count))
  }
})

/** Returns the positions of the messages, or of the messages and notices, from `from` to `to` on a page, in ascending order. */
const listedOn = ({ entries }: CachedPage<Entry>, from: number, to: number, withNotices = false): number[] => {
  const isListed = isListedIn[withNotices ? 'notices' : 'messages']
  const found: number[] = []
  for (const entry of entries) if (entry.seq >= from && entry.seq <= to && isListed(entry)) found.push(entry.seq)
  return found
}

const runsOf = (seqs: readonly number[]): Extent[] => {
  const runs: { first: number; last: number }[] = []
  for (const seq of seqs) {
    const run = runs.at(-1)
    if (run?.last === seq - 1) run.last = seq
    else runs.push({ first: seq, last: seq })
  }
  return runs
}
