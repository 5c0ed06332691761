/** Creates the record of an active user. */
import type { UserRecord } from '../../src/db/repositories/users.ts'

export const userRecord = (id: number, username: string, changed: Partial<UserRecord> = {}): UserRecord => ({
  id,
  username,
  hashedPassword: null,
  displayName: null,
  externalId: null,
  createdAt: 0,
  status: 'active',
  generation: 0,
  role: 'user',
  ...changed
})
