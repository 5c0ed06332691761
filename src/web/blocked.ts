/** Loads the users whom the authenticated user has blocked. */
import { createSafetyApi, type Session } from '../../client/src/index.ts'
import { serviceUrl } from './session.ts'

export const loadBlocked = async ({ token }: Session): Promise<ReadonlySet<number>> => {
  const { blocks } = await createSafetyApi({ url: serviceUrl, token }).blocks()
  return new Set(blocks.map(({ user_id }) => user_id))
}
