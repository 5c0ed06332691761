/** Entries of the log as they are stored and as people see them: sealed by the keyring on the way in, opened on the way out. */
import { randomBytes } from 'node:crypto'
import type { Keyring } from '../../crypto/keyring.ts'
import type { AppendedEntry, NewEntry, StoredEntry } from '../../db/database.ts'
import { timestamp } from '../../lib/clock.ts'
import type { MessageFrame } from '../../protocol/frames.ts'
import { type Encoded, encode } from '../connections/socket-writer.ts'
import type { Placed } from './page-cache.ts'

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

/** What a nonce can be; anything else in its column is not shown. */
const NONCE = /^[ -~]{1,64}$/
const nonceOf = (writeId: string): { nonce?: string } => (NONCE.test(writeId) ? { nonce: writeId } : {})

/** The entry to append for a draft: nothing of its text leaves this function unsealed. */
export const encryptEntry = ({ room, userId, content, meta, nonce }: Draft, keyring: Keyring): NewEntry => {
  const { token, keyId } = keyring.encrypt(content)
  return {
    roomId: room.id,
    userId,
    writeId: nonce ?? privateWriteId(),
    kind: 'message',
    content: token,
    meta: meta === null ? null : keyring.encrypt(meta).token,
    keyId
  }
}

/** An entry as it goes out: encoded once, for whoever reads it however often. */
export interface Entry extends Encoded, Placed {
  readonly id: number
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  /** Why it has its place in the log but nothing to show: see MessageFrame. */
  readonly unavailable: MessageFrame['unavailable']
}

type Unplaced = Omit<MessageFrame, 'type' | 'timestamp'>

/** Makes an entry of its fields. */
export const makeEntry = (fields: Unplaced, createdAt: number): Entry => {
  // `type` first and `timestamp` last: see restItems.
  const encoded = encode(JSON.stringify({ type: 'message', ...fields, timestamp: timestamp(createdAt) }))
  // A kept frame keeps its part of Buffer's pool, and about as much again that was garbage beside it.
  return {
    frame: encoded.frame,
    head: encoded.head,
    id: fields.id,
    seq: fields.seq,
    userId: fields.user_id,
    createdAt,
    unavailable: fields.unavailable,
    bytes: 2 * encoded.frame.length + 200
  }
}

// An item of an HTTP list has no `type`, which a frame has first, and `created_at` for `timestamp`, which it has last.
const FRAME_HEAD = '{"type":"message",'.length
const FRAME_TAIL = '"timestamp":"2026-01-31T12:00:00.123+00:00"}'.length
const STAMP = FRAME_TAIL - '"timestamp":'.length
const CREATED_AT = Buffer.from('"created_at":')
const COMMA = 0x2c
const BRACE = 0x7b

/**
 * Entries as JSON for HTTP, in UTF-8: `before`, the items with commas between them, `after`; both ASCII. Made of the bytes
 * that are kept, without another round through text and objects.
 */
export const restItems = (before: string, entries: readonly Entry[], after: string): Buffer => {
  const grows = 2 - FRAME_HEAD + CREATED_AT.length - (FRAME_TAIL - STAMP)
  const size = entries.reduce((sum, { frame }) => sum + frame.length + grows, before.length + after.length)
  const bytes = Buffer.allocUnsafe(size)
  let at = bytes.write(before, 'latin1')
  for (const [index, { frame, head }] of entries.entries()) {
    if (index > 0) bytes[at++] = COMMA
    bytes[at++] = BRACE
    at += frame.copy(bytes, at, head + FRAME_HEAD, frame.length - FRAME_TAIL)
    at += CREATED_AT.copy(bytes, at)
    at += frame.copy(bytes, at, frame.length - STAMP)
  }
  at += bytes.write(after, at, 'latin1')
  return bytes.subarray(0, at)
}

/** Returns the entry of a draft that was just committed, or had been before; erased since, it has nothing to show. */
export const entryOf = (draft: Draft, { id, seq, createdAt, stored }: AppendedEntry): Entry => {
  const { room, userId: user_id, username, content, meta, nonce } = draft
  if (stored?.content === null) {
    return makeEntry({ id, room: room.name, seq, user_id, username, content: null, unavailable: 'erased' }, createdAt)
  }
  const more = { ...(meta === null ? {} : { meta: JSON.parse(meta) }), ...(nonce === undefined ? {} : { nonce }) }
  return makeEntry({ id, room: room.name, seq, user_id, username, content, ...more }, createdAt)
}

/**
 * Decrypts a stored entry. A row that is no message (a token in the wrong column, text that isn't JSON, a kind or a time that
 * can't be) is unavailable like one that no key opens: it has its place, and the room can be read on.
 */
export const decryptEntry = (stored: StoredEntry, room: string, keyring: Keyring): Entry => {
  const { id, seq, userId: user_id, username } = stored
  const place = { id, room, seq, user_id, username }
  const isDated = stored.createdAt >= 0 && stored.createdAt <= LAST_TIME
  const createdAt = isDated ? stored.createdAt : 0
  if (stored.content === null) return makeEntry({ ...place, content: null, unavailable: 'erased' }, createdAt)
  const opened = isDated && stored.kind === 'message' ? openTexts(stored, keyring) : undefined
  if (!opened) return makeEntry({ ...place, content: null, unavailable: 'key' }, createdAt)
  return makeEntry({ ...place, ...opened, ...nonceOf(stored.writeId) }, createdAt)
}

/** The last moment whose year has four digits, as timestamps have. */
const LAST_TIME = Date.parse('9999-12-31T23:59:59.999Z')

/** Decrypts a message; returns `undefined` for a plaintext that isn't a message. */
const openTexts = ({ content, meta, keyId }: StoredEntry, keyring: Keyring): Texts | undefined => {
  const text = content === null ? undefined : keyring.decrypt(content, keyId ?? undefined)
  if (text === undefined) return undefined
  if (meta === null) return { content: text }
  const parsed = objectOf(keyring.decrypt(meta, keyId ?? undefined))
  return parsed && { content: text, meta: parsed }
}

type Texts = { content: string; meta?: Record<string, unknown> }

const objectOf = (json = ''): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** Whether what is stored under a write id is the draft's own text; what no key opens counts as the same. */
export const isSameEntry = (
  draft: Draft,
  stored: { readonly content: string | null; readonly meta: string | null },
  keyring: Keyring
): boolean => {
  const content = stored.content === null ? undefined : keyring.decrypt(stored.content)
  if (content === undefined) return true
  const meta = stored.meta === null ? null : keyring.decrypt(stored.meta)
  return content === draft.content && (meta === undefined || meta === draft.meta)
}
