/** Converts entries between their stored and their public form: the keyring encrypts them on the way in, and decrypts them on the way out. */
import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { Keyring } from '../../crypto/keyring.ts'
import type { AppendedEntry, NewEntry, StoredBody, StoredEntry } from '../../db/database.ts'
import { timestamp } from '../../lib/clock.ts'
import { MESSAGE } from '../../protocol/http/messages.ts'
import { type Encoded, encode } from '../connections/socket-writer.ts'
import type { Kinds } from '../kinds/index.ts'
import type { Body, EncryptedColumn, Kind, ShownBody } from '../kinds/kind.ts'
import type { Placed } from './page-cache.ts'

/** Describes an entry before it has a place in the log; `content` and `meta` are plain text. */
export interface Draft extends Body {
  readonly kind: Kind
  readonly room: { readonly id: number; readonly name: string }
  readonly userId: number
  readonly username: string
  readonly nonce: string | undefined
}

// Prefixes the write id of a message without a nonce. It isn't ASCII, so no nonce can have it.
const PRIVATE = '·'
// Counting up from a random start is as unique as a random id, but keeps new rows together in the index.
const processId = `${PRIVATE}${randomBytes(9).toString('base64url')}-`
let written = 0
const privateWriteId = (): string => `${processId}${(written++).toString(36)}`

/** Matches a nonce; anything else in its column is not shown. */
const NONCE = /^[ -~]{1,64}$/
const nonceOf = (writeId: string): { nonce?: string } => (NONCE.test(writeId) ? { nonce: writeId } : {})

/** Returns the entry to append for a draft, with its text encrypted. */
export const encryptEntry = (draft: Draft, keyring: Keyring): NewEntry => {
  const { kind, room, userId, nonce, target = null, detail = null } = draft
  let keyId: string | null = null
  const tokenOf = (column: EncryptedColumn): string | null => {
    const text = draft[column]
    if (text === null) return null
    if (!kind.encrypted.includes(column)) throw new TypeError(`The kind "${kind.kind}" has no column "${column}".`)
    const encrypted = keyring.encrypt(text)
    keyId = encrypted.keyId
    return encrypted.token
  }
  return {
    roomId: room.id,
    userId,
    writeId: nonce ?? privateWriteId(),
    kind: kind.kind,
    targetSeq: target,
    content: tokenOf('content'),
    meta: tokenOf('meta'),
    keyId,
    detail
  }
}

/** Explains why an entry has nothing to show: no key decrypts it, or it was erased. */
type Unavailable = 'key' | 'erased'

/** Holds an entry in its public form, encoded once for all readers. */
export interface Entry extends Encoded, Placed {
  readonly id: number
  /** Holds the time in milliseconds since the epoch. */
  readonly createdAt: number
  readonly isMessage: boolean
  readonly unavailable: Unavailable | undefined
  /** Holds the item of an HTTP list, as JSON; absent for a message, whose item is derived from its frame. */
  readonly item?: Buffer
}

/** Describes the position of an entry, as its frame contains it. */
interface Place {
  readonly id: number
  readonly room: string
  readonly seq: number
  readonly user_id: number
  readonly username: string
}

interface Shown {
  /** Holds the fields of the frame after the position. */
  readonly fields: object
  readonly unavailable?: Unavailable
}

/** Creates an entry of a kind. */
export const makeEntry = (kind: string, place: Place, { fields, unavailable }: Shown, createdAt: number): Entry => {
  // `type` first and `timestamp` last: see restItems.
  const frame = {
    type: kind,
    ...place,
    ...fields,
    ...(unavailable && { unavailable }),
    timestamp: timestamp(createdAt)
  }
  const isMessage = kind === MESSAGE
  return entryOfFrame(frame, place, createdAt, {
    isMessage,
    unavailable,
    ...(isMessage ? {} : { item: itemOf({ type: kind }, place, createdAt) })
  })
}

/** Creates an entry of a kind that this release doesn't support. It keeps its position, and subscribers advance over it. */
const makeUnknown = (storedKind: string, place: Place, createdAt: number): Entry => {
  const { room, seq } = place
  const kind = storedKind.slice(0, MAX_KIND)
  const item = itemOf({ type: 'unknown', kind }, place, createdAt)
  return entryOfFrame({ type: 'unknown', kind, room, seq }, place, createdAt, {
    isMessage: false,
    unavailable: undefined,
    item
  })
}

/** Limits the length of a kind that is shown. */
const MAX_KIND = 64

/** Creates the item of an entry other than a message. It has no content, so that older clients don't show it as a message. */
const itemOf = (type: object, place: Place, createdAt: number): Buffer =>
  Buffer.from(JSON.stringify({ ...type, ...place, content: null, created_at: timestamp(createdAt) }))

const entryOfFrame = (
  frame: object,
  { id, seq, user_id: userId }: Place,
  createdAt: number,
  more: Pick<Entry, 'isMessage' | 'unavailable' | 'item'>
): Entry => {
  const encoded = encode(JSON.stringify(frame))
  // Counted twice, because a cached frame also keeps garbage of about its own size in its part of Buffer's pool.
  const bytes = 2 * (encoded.frame.length + (more.item?.length ?? 0)) + 200
  return { frame: encoded.frame, head: encoded.head, id, seq, userId, createdAt, ...more, bytes }
}

// An item of an HTTP list has no `type`, which is first in a frame, and `created_at` in place of `timestamp`, which is last.
const FRAME_HEAD = '{"type":"message",'.length
const FRAME_TAIL = '"timestamp":"2026-01-31T12:00:00.123+00:00"}'.length
const STAMP = FRAME_TAIL - '"timestamp":'.length
const CREATED_AT = Buffer.from('"created_at":')
const COMMA = 0x2c
const BRACE = 0x7b

/**
 * Returns entries as JSON for HTTP, in UTF-8: `before`, the items with commas between them, and `after`; both are ASCII. The bytes
 * are assembled from cached frames, without parsing them.
 */
export const restItems = (before: string, entries: readonly Entry[], after: string): Buffer => {
  const grows = 2 - FRAME_HEAD + CREATED_AT.length - (FRAME_TAIL - STAMP)
  const sizeOf = ({ frame, item }: Entry): number => (item ? item.length + 1 : frame.length + grows)
  const size = entries.reduce((sum, entry) => sum + sizeOf(entry), before.length + after.length)
  const bytes = Buffer.allocUnsafe(size)
  let at = bytes.write(before, 'latin1')
  for (const [index, { frame, head, item }] of entries.entries()) {
    if (index > 0) bytes[at++] = COMMA
    if (item) {
      at += item.copy(bytes, at)
      continue
    }
    bytes[at++] = BRACE
    at += frame.copy(bytes, at, head + FRAME_HEAD, frame.length - FRAME_TAIL)
    at += CREATED_AT.copy(bytes, at)
    at += frame.copy(bytes, at, frame.length - STAMP)
  }
  at += bytes.write(after, at, 'latin1')
  return bytes.subarray(0, at)
}

/** Returns the entry of a draft that was committed now or before. If it was erased since, it has nothing to show. */
export const entryOf = (draft: Draft, { id, seq, createdAt, stored }: AppendedEntry): Entry => {
  const { kind, room, userId: user_id, username, content, meta, target, detail, nonce } = draft
  const place = { id, room: room.name, seq, user_id, username }
  if (stored && isErased(kind, stored)) return makeEntry(kind.kind, place, ERASED, createdAt)
  const body: ShownBody = {
    content,
    ...(meta === null ? {} : { meta: JSON.parse(meta) }),
    ...(target == null ? {} : { target }),
    ...(detail == null ? {} : { detail: JSON.parse(detail) })
  }
  const fields = { ...kind.show(body), ...(nonce === undefined ? {} : { nonce }) }
  return makeEntry(kind.kind, place, { fields }, createdAt)
}

const ERASED: Shown = { fields: { content: null }, unavailable: 'erased' }
const UNREADABLE: Shown = { fields: { content: null }, unavailable: 'key' }

const isErased = ({ encrypted }: Kind, { content }: Pick<StoredEntry, 'content'>): boolean =>
  content === null && encrypted.includes('content')

/**
 * Decrypts a stored entry. A row that is not a valid entry of its kind (a token in the wrong column, text that isn't JSON, an invalid
 * time) is unavailable, like one that no key decrypts. It keeps its position, so that the log can be read past it.
 */
export const decryptEntry = (stored: StoredEntry, room: string, kinds: Kinds, keyring: Keyring): Entry => {
  const { id, seq, userId: user_id, username } = stored
  const place = { id, room, seq, user_id, username }
  const isDated = stored.createdAt >= 0 && stored.createdAt <= LAST_TIME
  const createdAt = isDated ? stored.createdAt : 0
  const kind = kinds.of(stored.kind)
  if (!kind) return makeUnknown(stored.kind, place, createdAt)
  if (isErased(kind, stored)) return makeEntry(kind.kind, place, ERASED, createdAt)
  const body = isDated ? decryptBody(stored, keyring) : undefined
  if (!body) return makeEntry(kind.kind, place, UNREADABLE, createdAt)
  return makeEntry(kind.kind, place, { fields: { ...kind.show(body), ...nonceOf(stored.writeId) } }, createdAt)
}

/** Limits times to years of four digits, which timestamps have. */
const LAST_TIME = Date.parse('9999-12-31T23:59:59.999Z')

/** Decrypts the content of an entry; returns `undefined` if no key does, or if the plaintext is not valid. */
const decryptBody = (stored: StoredEntry, keyring: Keyring): ShownBody | undefined => {
  const { content, meta, keyId, targetSeq, detail } = stored
  const clear = {
    ...(targetSeq === null ? {} : { target: targetSeq }),
    ...(detail === null ? {} : { detail: objectOf(detail) })
  }
  const text = content === null ? null : keyring.decrypt(content, keyId ?? undefined)
  if (text === undefined) return undefined
  if (meta === null) return { content: text, ...clear }
  const parsed = objectOf(keyring.decrypt(meta, keyId ?? undefined))
  return parsed && { content: text, meta: parsed, ...clear }
}

const objectOf = (json = ''): Record<string, unknown> | undefined => {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

/** Returns whether the entry stored under a write id is the draft's own. A text that no key decrypts counts as the same. */
export const isSameEntry = (draft: Draft, stored: StoredBody, keyring: Keyring): boolean => {
  if (stored.kind !== draft.kind.kind) return false
  if (isErased(draft.kind, stored)) return true
  if (stored.targetSeq !== (draft.target ?? null) || !isSameJson(stored.detail, draft.detail ?? null)) return false
  const content = stored.content === null ? null : keyring.decrypt(stored.content)
  if (content === undefined) return true
  const meta = stored.meta === null ? null : keyring.decrypt(stored.meta)
  return content === draft.content && (meta === undefined || meta === draft.meta)
}

/** The database keeps JSON in an order and with spaces of its own. */
const isSameJson = (one: string | null, other: string | null): boolean =>
  one === other || (one !== null && other !== null && isDeepStrictEqual(JSON.parse(one), JSON.parse(other)))
