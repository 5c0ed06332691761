/** Limits how many rooms a user can be a member of, so that the lists of these rooms are limited too. */

/** The same limit as in the function `chat_change_members` (drizzle/0014_members.sql). */
export const MAX_MEMBERSHIPS = 1000

/** Returns the SQL condition that the user with the id `userId` may become a member of another room. */
export const mayJoinAnother = (inSchema: string, userId: string): string =>
  `(select count(*) from (
      select from ${inSchema}."members" as known where known.user_id = ${userId} limit ${MAX_MEMBERSHIPS}
    ) as few) < ${MAX_MEMBERSHIPS}`
