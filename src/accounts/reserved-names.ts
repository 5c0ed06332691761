/** Lists the usernames that nobody can register, because other users would mistake them for the operator or for a group. */

const RESERVED: ReadonlySet<string> = new Set([
  'admin',
  'administrator',
  'root',
  'system',
  'moderator',
  'support',
  'everyone',
  'here',
  'all',
  'channel',
  'deleted'
])

/** Returns whether a username is reserved, regardless of case. */
export const isReservedName = (username: string): boolean => RESERVED.has(username.toLowerCase())
