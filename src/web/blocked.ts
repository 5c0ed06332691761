/** Loads the users whom the user of this page has blocked. */
import type { Session } from '../../client/src/index.ts'
import { safetyOf } from './room/apis.ts'

export const loadBlocked = async (session: Session): Promise<ReadonlySet<number>> => {
  const { blocks } = await safetyOf(session).blocks()
  return new Set(blocks.map(({ user_id }) => user_id))
}
