/** Entries of the log as they are stored and as people see them: sealed by the keyring on the way in, opened on the way out. */
import { randomBytes } from 'node:crypto'
import { timestamp } from '../clock.ts'
import type { Keyring } from '../crypto/keyring.ts'
import type { NewEntry, StoredEntry } from '../db/database.ts'
import type { Message } from '../schemas/messages.ts'

/** A message before it has a place in the log; `content` and `meta` as plain text. */
export interface Draft {
  readonly room: { readonly id: number; readonly name: string }
  readonly userId: number
  readonly username: string
  readonly content: string
  readonly meta: string | null
  readonly nonce: string | undefined
}

// Begins the write id of a message without a nonce: no nonce can have it, since it isn't ASCII.
const PRIVATE = '·'
// Counting up from a random start is unique like a random id, but keeps new rows together in the index.
const processId = `${PRIVATE}${randomBytes(9).toString('base64url')}-`
let written = 0
const privateWriteId = (): string => `${processId}${(written++).toString(36)}`

const nonceOf = (writeId: string): { nonce?: string } => (writeId.startsWith(PRIVATE) ? {} : { nonce: writeId })

/** The entry to append for a draft: nothing of its text leaves this function unsealed. */
export const sealEntry = ({ room, userId, content, meta, nonce }: Draft, keyring: Keyring): NewEntry => {
  const { token, keyId } = keyring.seal(content)
  return {
    roomId: room.id,
    userId,
    writeId: nonce ?? privateWriteId(),
    kind: 'message',
    content: token,
    meta: meta === null ? null : keyring.seal(meta).token,
    keyId
  }
}

/** What is stored, opened; `undefined` when it was erased or no key opens it. */
export const openEntry = (entry: StoredEntry, room: string, keyring: Keyring): Message | undefined => {
  const content = entry.content === null ? undefined : keyring.open(entry.content, entry.keyId ?? undefined)
  if (content === undefined) return undefined
  const meta = entry.meta === null ? undefined : keyring.open(entry.meta, entry.keyId ?? undefined)
  return {
    id: entry.id,
    room,
    seq: entry.seq,
    user_id: entry.userId,
    username: entry.username,
    content,
    ...(meta === undefined ? {} : { meta: JSON.parse(meta) }),
    ...nonceOf(entry.writeId),
    created_at: timestamp(entry.createdAt)
  }
}

/** Whether what is stored under a write id is the draft's own text; what no key opens counts as the same. */
export const isSameEntry = (
  draft: Draft,
  stored: { readonly content: string | null; readonly meta: string | null },
  keyring: Keyring
): boolean => {
  const content = stored.content === null ? undefined : keyring.open(stored.content)
  if (content === undefined) return true
  const meta = stored.meta === null ? null : keyring.open(stored.meta)
  return content === draft.content && (meta === undefined || meta === draft.meta)
}
