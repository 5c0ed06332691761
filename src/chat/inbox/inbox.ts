/**
 * Lists the rooms of a user, the latest message first, with the numbers of unread messages. One query reads all rooms. Excerpts
 * are read only for the rooms of a page, for each request, and never cached, so that a deleted text is not shown.
 */
import pLimit from 'p-limit'
import type { Keyring } from '../../crypto/keyring.ts'
import type { InboxRepository, InboxRow, Marks } from '../../db/database.ts'
import type { InboxItem, InboxPage } from '../../protocol/http/inbox.ts'
import type { Access, Principal } from '../access/authorize.ts'
import type { LogReader } from '../log/reader.ts'
import { invalid } from '../rooms/invalid.ts'
import { marksOf, membershipsDigest } from './digest.ts'
import { itemsOf, totalOf } from './items.ts'

export interface InboxOptions {
  readonly repository: InboxRepository
  readonly reader: Pick<LogReader, 'limited' | 'newest'>
  readonly access: Access
  /** Writes a user's pending read marks to the database. */
  readonly settleMarks: (userId: number) => Promise<void>
  /** Encrypts cursors, because they contain internal room ids, which clients must not see. */
  readonly keyring: Keyring
}

export interface InboxQuery {
  /** The `next` of the previous page. */
  readonly after?: string | undefined
  /** Maximum number of rooms. */
  readonly limit: number
}

export interface Inbox {
  page(principal: Principal, query: InboxQuery): Promise<InboxPage>
  /**
   * Returns the rooms of a user, the latest message first, without texts. Includes hidden rooms, and omits rooms that the host
   * application denies. `digest` and `marks` (see digest.ts) cover all memberships of the user, also those in omitted rooms.
   */
  allOf(
    principal: Principal
  ): Promise<{ readonly rows: readonly InboxRow[]; readonly digest: string; readonly marks: Marks }>
  /** Returns the first page of `rows`, which must be sorted with the latest message first. */
  pageOf(userId: number, rows: readonly InboxRow[], limit: number): Promise<InboxPage>
  /** Returns the items of some rows, with the current text of the newest messages. */
  itemsOf(userId: number, rows: readonly InboxRow[]): Promise<InboxItem[]>
}

/** Maximum number of concurrent calls of `authorize` while an inbox is read. */
const AT_ONCE = 16

export const createInbox = ({ repository, reader, access, settleMarks, keyring }: InboxOptions): Inbox => {
  /** Returns the rows of the rooms that the host application allows the user to read. */
  const allowed = async (principal: Principal, rows: readonly InboxRow[]): Promise<readonly InboxRow[]> => {
    if (!access.isDelegated) return rows
    const atOnce = pLimit(AT_ONCE)
    const may = await Promise.all(rows.map(({ room }) => atOnce(async () => access.may(principal, room, 'read'))))
    return rows.filter((_, at) => may[at])
  }

  const allOf: Inbox['allOf'] = async principal => {
    await settleMarks(principal.userId)
    const rows = await reader.limited(() => repository.ofUser(principal.userId))
    const shown = [...(await allowed(principal, rows))].sort(latestFirst)
    return { rows: shown, digest: membershipsDigest(rows), marks: marksOf(rows) }
  }

  const items: Inbox['itemsOf'] = async (userId, rows) => {
    const direct = rows.filter(({ visibility }) => visibility === 'direct').map(({ roomId }) => roomId)
    const places = rows.flatMap(({ roomId, messageSeq }) => (messageSeq === null ? [] : [{ roomId, seq: messageSeq }]))
    const [newest, people] = await Promise.all([
      reader.newest(places, userId),
      reader.limited(() => repository.people(direct, userId))
    ])
    return itemsOf(rows, { newest, people })
  }

  /**
   * Returns the page of the rows that come after `place`, or the first page without `place`. `all` contains the rows of all
   * pages.
   */
  const pageAfter = async (
    userId: number,
    all: readonly InboxRow[],
    limit: number,
    place?: Place
  ): Promise<InboxPage> => {
    const rest = place ? all.filter(row => latestFirst(place, row) < 0) : all
    const rows = rest.slice(0, limit)
    const last = rows.at(-1)
    const next = last && rest.length > limit ? keyring.encrypt(JSON.stringify([last.at, last.roomId])).token : undefined
    return {
      rooms: await items(userId, rows),
      total: totalOf(all),
      has_more: next !== undefined,
      ...(next === undefined ? {} : { next })
    }
  }

  return {
    allOf,
    itemsOf: items,
    pageOf: (userId, rows, limit) => pageAfter(userId, rows, limit),
    async page(principal, { after, limit }) {
      const place = after === undefined ? undefined : placeOf(keyring.decrypt(after))
      const { rows } = await allOf(principal)
      return pageAfter(
        principal.userId,
        rows.filter(({ isHidden }) => !isHidden),
        limit,
        place
      )
    }
  }
}

type Place = Pick<InboxRow, 'at' | 'roomId'>

const latestFirst = (one: Place, other: Place): number => other.at - one.at || other.roomId - one.roomId

const placeOf = (text = ''): Place => {
  try {
    const [at, roomId]: unknown[] = JSON.parse(text)
    if (typeof at === 'number' && typeof roomId === 'number') return { at, roomId }
  } catch {
    // A cursor that is not valid JSON is rejected below.
  }
  throw invalid(
    '/querystring/after',
    '`after` must be the value of `next` in an earlier page. Load the first page without `after`.'
  )
}
