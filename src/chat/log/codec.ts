/** Converts entries between their stored form, which is encrypted, and their public form, which clients receive. */
import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import type { Keyring } from '../../crypto/keyring.ts'
import type { AppendedEntry, NewEntry, StoredBody, StoredEntry } from '../../db/database.ts'
import { LAST_TIME } from '../../lib/clock.ts'
import type { Kinds } from '../kinds/index.ts'
import type { Body, EncryptedColumn, Kind, ShownBody } from '../kinds/kind.ts'
import { type Entry, makeEntry, makeUnknown, type Unavailable } from './entry.ts'

/** An entry that does not have a position in the log yet. `content` and `meta` are plain text. */
export interface Draft extends Body {
  readonly kind: Kind
  readonly room: { readonly id: number; readonly name: string }
  readonly userId: number
  readonly username: string
  readonly nonce: string | undefined
}

// The prefix of the generated write id of an entry without a nonce. It is not ASCII, so that no nonce can start with it.
const PRIVATE = '·'
// A generated write id consists of a random id of the process and a counter. So it is unique, and rows that are written one
// after another are next to each other in the index.
const processId = `${PRIVATE}${randomBytes(9).toString('base64url')}-`
let written = 0
const privateWriteId = (): string => `${processId}${(written++).toString(36)}`

/** Matches a nonce. A write id that does not match is not shown to clients. */
const NONCE = /^[ -~]{1,64}$/
const nonceOf = (writeId: string): string | undefined => (NONCE.test(writeId) ? writeId : undefined)

/** Encrypts a draft. Returns the entry to append. */
export const encryptEntry = (draft: Draft, keyring: Keyring): NewEntry => {
  const { kind, room, userId, nonce, target = null, detail = null } = draft
  let keyId: string | null = null
  const tokenOf = (column: EncryptedColumn): string | null => {
    const text = draft[column]
    if (text === null) return null
    if (!kind.encrypted.includes(column))
      throw new TypeError(
        `The kind "${kind.kind}" stores text in the column "${column}", but its list "encrypted" does not contain that column.`
      )
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

/** Returns the entry that was stored for a draft. */
export const entryOf = (draft: Draft, { id, seq, createdAt, detail: stored }: AppendedEntry): Entry => {
  const { kind, room, userId: user_id, username, content, meta, target, nonce } = draft
  const detail = stored ?? draft.detail
  const body: ShownBody = {
    content,
    ...(meta === null ? {} : { meta: JSON.parse(meta) }),
    ...(target == null ? {} : { target }),
    ...(detail == null ? {} : { detail: JSON.parse(detail) })
  }
  return makeEntry(kind, { id, room: room.name, seq, user_id, username }, { body, nonce }, createdAt)
}

const isErased = ({ encrypted }: Kind, { content }: Pick<StoredEntry, 'content'>): boolean =>
  content === null && encrypted.includes('content')

/**
 * Decrypts a stored entry. If no key decrypts the row, or if the row is not valid, the returned entry has no content and is
 * marked as unavailable. For example, a row is not valid if its `meta` is not JSON or its time is out of range. The entry still
 * has its position, so that no `seq` is missing from the log.
 */
export const decryptEntry = (stored: StoredEntry, room: string, kinds: Kinds, keyring: Keyring): Entry => {
  const { id, seq, userId: user_id, username } = stored
  const place = { id, room, seq, user_id, username }
  const isDated = stored.createdAt >= 0 && stored.createdAt <= LAST_TIME
  const createdAt = isDated ? stored.createdAt : 0
  const kind = kinds.of(stored.kind)
  if (!kind) return makeUnknown(stored.kind, place, createdAt)
  const withheld = (unavailable: Unavailable, nonce?: string): Entry =>
    makeEntry(kind, place, { body: { content: null, ...clearOf(stored) }, nonce, unavailable }, createdAt)
  if (isErased(kind, stored)) return withheld('erased')
  if (stored.isSuperseded) return withheld('superseded', nonceOf(stored.writeId))
  const body = isDated ? decryptBody(stored, keyring) : undefined
  return body ? makeEntry(kind, place, { body, nonce: nonceOf(stored.writeId) }, createdAt) : withheld('key')
}

/** Returns the unencrypted part of the body of an entry. */
const clearOf = ({ targetSeq, detail, state }: StoredEntry): Omit<ShownBody, 'content' | 'meta'> => ({
  ...(targetSeq === null ? {} : { target: targetSeq }),
  ...(detail === null ? {} : { detail: objectOf(detail) }),
  ...(state ? { state } : {})
})

/**
 * Decrypts the body of an entry. Returns `undefined` if no key decrypts it, or if the plain text is not valid.
 * @internal
 */
export const decryptBody = (stored: StoredEntry, keyring: Keyring): ShownBody | undefined => {
  const { content, meta, keyId } = stored
  const clear = clearOf(stored)
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

/**
 * Returns whether a stored entry with the write id of a draft is the same entry as the draft. The kind, the target, `detail`,
 * `content` and `meta` must be the same. `Kind.isSameDetail` compares `detail`. `content` and `meta` are compared as they were
 * before any edit. If the stored `content` was erased, only the kind is compared. Stored text that no key decrypts
 * counts as the same.
 */
export const isSameEntry = ({ kind, ...draft }: Draft, stored: StoredBody, keyring: Keyring): boolean => {
  if (stored.kind !== kind.kind) return false
  if (isErased(kind, stored)) return true
  if (stored.targetSeq !== (draft.target ?? null)) return false
  const isSameDetail = kind.isSameDetail ?? isDeepStrictEqual
  if (!isSameDetail(objectOf(draft.detail ?? ''), objectOf(stored.detail ?? ''))) return false
  const content = stored.content === null ? null : keyring.decrypt(stored.content)
  if (content === undefined) return true
  const meta = stored.meta === null ? null : keyring.decrypt(stored.meta)
  return content === draft.content && (meta === undefined || meta === draft.meta)
}
