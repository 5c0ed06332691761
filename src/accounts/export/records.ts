/** Reads the stored data of a user, record by record and page by page, so that memory use does not grow with the data. */
import type { Keyring } from '../../crypto/keyring.ts'
import type { ChatDatabase, StoredEntry } from '../../db/database.ts'
import type { AuditRow } from '../../db/repositories/audit-reader.ts'
import type { RestrictionOfUser } from '../../db/repositories/restrictions.ts'
import { timestamp } from '../../lib/clock.ts'
import { EDIT, ERASURE, MESSAGE } from '../../protocol/http/messages.ts'

/**
 * A record of an export. `type` is one of `profile`, `email`, `identity`, `totp`, `passkey`, `recovery_codes`, `session`,
 * `network`, `member`, `restriction`, `invitation`, `block`, `report`, `event` and `end`, or the kind of an entry of the log, for
 * example `message`.
 */
export interface ExportRecord {
  readonly type: string
  readonly [field: string]: unknown
}

export interface ExportOptions {
  readonly database: ChatDatabase
  readonly keyring: Keyring
}

/** The number of rows per query. */
const PAGE = 50

/** Returns the records of a user, except the last record, `end`. */
export async function* recordsOf({ database, keyring }: ExportOptions, userId: number): AsyncGenerator<ExportRecord> {
  yield* accountRecords({ database, keyring }, userId)
  yield* membershipsOf(database, userId)
  yield* restrictionsOf({ database, keyring }, userId)
  yield* invitationsOf(database, userId)
  for (const { userId: blocked, username, createdAt } of await database.blocks.list(userId)) {
    yield { type: 'block', user_id: blocked, username, created_at: timestamp(createdAt) }
  }
  yield* reportsOf({ database, keyring }, userId)
  for await (const { room, entry } of entriesOf(database, userId)) yield entryRecord(keyring, room, entry)
  for (let before: number | undefined; ; ) {
    const rows = await database.audit.list({ userId, before }, PAGE)
    for (const row of rows) if (row.userId === userId) yield eventRecord(row)
    before = rows.at(-1)?.id
    if (rows.length < PAGE) return
  }
}

async function* accountRecords({ database, keyring }: ExportOptions, userId: number): AsyncGenerator<ExportRecord> {
  const user = (await database.users.findByIds([userId])).get(userId)
  if (!user) return
  const { id, username, displayName, externalId, role, status, createdAt } = user
  yield {
    type: 'profile',
    id,
    username,
    display_name: displayName,
    ...(externalId === null ? {} : { external_id: externalId }),
    role,
    status,
    created_at: timestamp(createdAt)
  }
  for (const { address, keyId, state } of await database.emails.listOf(userId)) {
    yield { type: 'email', address: keyring.decrypt(address, keyId) ?? null, is_verified: state === 'verified' }
  }
  for (const identity of await database.exports.identitiesOf(userId)) yield { type: 'identity', ...identity }
  for (const { createdAt, isConfirmed } of await database.exports.totpOf(userId)) {
    yield { type: 'totp', created_at: timestamp(createdAt), is_confirmed: isConfirmed }
  }
  const { recoveryCodes } = await database.factors.summary(userId, undefined)
  if (recoveryCodes > 0) yield { type: 'recovery_codes', left: recoveryCodes }
  for (const { name, createdAt } of await database.passkeys.list(userId)) {
    yield { type: 'passkey', name, created_at: timestamp(createdAt) }
  }
  for (const { id, device, address, createdAt, lastUsedAt } of await database.exports.sessionsOf(userId)) {
    const times = { created_at: timestamp(createdAt), last_used_at: timestamp(lastUsedAt) }
    yield { type: 'session', id, device, address, ...times }
  }
  for (const { network, lastLoginAt } of await database.exports.networksOf(userId)) {
    yield { type: 'network', network, last_login_at: timestamp(lastLoginAt) }
  }
}

/** Returns the mutes and bans of the user. Omits the moderators, because their identities are personal data of other users. */
async function* restrictionsOf(
  { database: { restrictions }, keyring }: ExportOptions,
  userId: number
): AsyncGenerator<ExportRecord> {
  for (let after: number | undefined = 0; after !== undefined; ) {
    const page: RestrictionOfUser[] = await restrictions.ofUser(userId, after, PAGE)
    for (const { room, kind, until, reason, keyId, createdAt } of page) {
      yield {
        type: 'restriction',
        room,
        kind,
        until: until === null ? null : timestamp(until),
        reason: reason === null ? null : decryptReason(keyring, reason, keyId),
        created_at: timestamp(createdAt)
      }
    }
    after = page.at(-1)?.roomId
  }
}

const decryptReason = (keyring: Keyring, token: string, keyId: string | null): unknown => {
  const text = keyring.decrypt(token, keyId ?? undefined)
  return text === undefined ? null : (JSON.parse(text) as { reason: string }).reason
}

/** Returns the rooms in which the user is a member. */
async function* membershipsOf({ members }: ChatDatabase, userId: number): AsyncGenerator<ExportRecord> {
  for (let after = 0; ; ) {
    const page = await members.ofUser(userId, after, PAGE)
    for (const { room, role, joinedAt, readSeq, isUnread } of page) {
      const read = { read_seq: readSeq, marked_unread: isUnread }
      yield { type: 'member', room, role, joined_at: timestamp(joinedAt), ...read }
    }
    after = page.at(-1)?.roomId ?? after
    if (page.length < PAGE) return
  }
}

/** Returns the reports that the user sent, without the texts of the reported messages. */
async function* reportsOf({ database, keyring }: ExportOptions, userId: number): AsyncGenerator<ExportRecord> {
  for (let after = 0; ; ) {
    const page = await database.reports.ofUser(userId, after, PAGE)
    for (const { room, seq, reason, keyId, createdAt, outcome } of page) {
      const why = reason === null ? {} : { reason: keyring.decrypt(reason, keyId) ?? null }
      const state = outcome === null ? 'open' : 'resolved'
      yield { type: 'report', room, seq, ...why, state, created_at: timestamp(createdAt) }
    }
    after = page.at(-1)?.id ?? after
    if (page.length < PAGE) return
  }
}

/** Returns the invitations to rooms that the user created. Their codes are stored nowhere. */
async function* invitationsOf({ roomInvitations }: ChatDatabase, userId: number): AsyncGenerator<ExportRecord> {
  for (let after = 0; ; ) {
    const page = await roomInvitations.ofUser(userId, after, PAGE)
    for (const { room, usesLeft, createdAt, expiresAt } of page) {
      const times = { created_at: timestamp(createdAt), expires_at: timestamp(expiresAt) }
      yield { type: 'invitation', room, uses_left: usesLeft, ...times }
    }
    after = page.at(-1)?.id ?? after
    if (page.length < PAGE) return
  }
}

/**
 * Returns the log entries of the user, room by room: the messages in their current state, and entries of all other kinds except
 * `erasure`. The order within a room is not defined.
 */
async function* entriesOf({ authored, messages }: ChatDatabase, userId: number) {
  for (let at: number | undefined = 0; at !== undefined; ) {
    const { rooms, last } = await authored.rooms(userId, at)
    for (const { id, name: room } of rooms) {
      for (let after = ''; ; ) {
        const page = await authored.page(id, userId, after, PAGE)
        const entries = await messages.some(
          id,
          page.map(({ seq }) => seq)
        )
        for (const entry of entries) if (entry.kind !== ERASURE) yield { room, entry }
        after = page.at(-1)?.writeId ?? ''
        if (page.length < PAGE) break
      }
    }
    at = last
  }
}

const entryRecord = (keyring: Keyring, room: string, entry: StoredEntry): ExportRecord => {
  const { kind, seq, id, createdAt, targetSeq, content, meta, detail, state } = entry
  const decrypted = (token: string | null): string | undefined =>
    token === null ? undefined : keyring.decrypt(token, entry.keyId ?? undefined)
  const text = decrypted(content)
  const metaText = decrypted(meta)
  const hasText = kind === MESSAGE || kind === EDIT
  // If the name of a kind contains a dot, the host application defines the kind. The content of such an entry is JSON.
  const hasData = kind.includes('.')
  return {
    type: kind,
    room,
    seq,
    id,
    created_at: timeOf(createdAt),
    ...(targetSeq === null ? {} : { [kind === MESSAGE ? 'reply_to' : 'target']: targetSeq }),
    ...(detail === null || hasData ? {} : withoutOthers(parsed(detail) as object)),
    ...(state?.mentions ? { mentions: state.mentions } : {}),
    ...(state?.editedAt ? { edited_at: timeOf(state.editedAt) } : {}),
    ...(hasText ? { content: text ?? null } : {}),
    ...(hasData ? { data: text === undefined ? null : parsed(text) } : {}),
    ...(text === undefined && (hasText || hasData) ? { unavailable: content === null ? 'erased' : 'key' } : {}),
    ...(metaText === undefined ? {} : { meta: parsed(metaText) })
  }
}

/** Omits the other users from an entry that added several users to a room. */
const withoutOthers = ({ subjects: _, ...detail }: { readonly subjects?: unknown }): object => detail

/** Returns a time, or null if the stored time is out of range, for example after damaged data was restored. */
const timeOf = (ms: number): string | null => (Math.abs(ms) <= LAST_TIME ? timestamp(ms) : null)

/** The latest time that a timestamp with a year of four digits can represent, in milliseconds since the epoch. */
const LAST_TIME = Date.parse('9999-12-31T23:59:59.999Z')

const parsed = (json: string): unknown => {
  try {
    return JSON.parse(json)
  } catch {
    return json
  }
}

/** Omits the address and the agent of an administrator, because they are not data about the user. */
const eventRecord = ({ id, at, event, userId, actorId, address, agent, detail, count }: AuditRow): ExportRecord => ({
  type: 'event',
  id,
  at: timestamp(at),
  event,
  ...(actorId === null || actorId === userId ? { address, agent } : { by: 'administrator' }),
  ...(detail === null ? {} : { detail }),
  ...(count === 1 ? {} : { count })
})
