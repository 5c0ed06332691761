/** Limits how many rooms a user can be a member of, because the inbox of a user contains all of these rooms. */

/**
 * Maximum number of rooms of which a user can be a member. The SQL functions that add members have the same limit, except for
 * members that the host application adds. See drizzle/0019_blocks.sql and drizzle/0031_look_up_appends.sql.
 */
export const MAX_MEMBERSHIPS = 1000

/** Returns the SQL condition that the user with the id `userId` may become a member of another room. */
export const mayJoinAnother = (inSchema: string, userId: string): string =>
  `(select count(*) from (
      select from ${inSchema}."members" as known where known.user_id = ${userId} limit ${MAX_MEMBERSHIPS}
    ) as few) < ${MAX_MEMBERSHIPS}`
