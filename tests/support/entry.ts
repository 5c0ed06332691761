/** Creates entries of a log in the form that subscribers receive. */
import { encode } from '../../src/chat/connections/encoded.ts'
import type { Entry } from '../../src/chat/log/entry.ts'

/** Returns a message with this `seq`. Its frame contains only its type and its `seq`. */
export const entryAt = (seq: number): Entry => ({
  ...encode(JSON.stringify({ type: 'message', seq })),
  id: seq,
  seq,
  userId: 1,
  createdAt: 0,
  isMessage: true,
  unavailable: undefined,
  bytes: 100
})
