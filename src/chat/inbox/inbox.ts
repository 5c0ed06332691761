/**
 * Lists the rooms of a user, the latest message first, with the numbers of unread messages. The number of queries does not depend
 * on the number of rooms. Excerpts are read for each request and never cached, so that a deleted text is not shown.
 */
import pLimit from 'p-limit'
import type { Keyring } from '../../crypto/keyring.ts'
import type { InboxRepository, InboxRow } from '../../db/database.ts'
import type { InboxItem, InboxPage } from '../../protocol/http/inbox.ts'
import type { Access, Principal } from '../access/authorize.ts'
import type { LogReader } from '../log/reader.ts'
import { invalid } from '../rooms/invalid.ts'
import { itemsOf, totalOf } from './items.ts'

export interface InboxOptions {
  readonly repository: InboxRepository
  readonly reader: Pick<LogReader, 'limited' | 'newest'>
  readonly access: Access
  /** Encrypts cursors, because they contain the id of a room. */
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
  /** Returns the rooms of a user that are shown, the latest message first, without texts. */
  rowsOf(principal: Principal): Promise<InboxRow[]>
  /** Returns the items of some rows, with the current text of the newest messages. */
  itemsOf(userId: number, rows: readonly InboxRow[]): Promise<InboxItem[]>
}

/** Maximum number of concurrent calls of `authorize`. */
const AT_ONCE = 16

export const createInbox = ({ repository, reader, access, keyring }: InboxOptions): Inbox => {
  /** Returns the rows of the rooms that the host application allows the user to read. */
  const allowed = async (principal: Principal, rows: readonly InboxRow[]): Promise<readonly InboxRow[]> => {
    if (!access.isDelegated) return rows
    const atOnce = pLimit(AT_ONCE)
    const may = await Promise.all(rows.map(({ room }) => atOnce(async () => access.may(principal, room, 'read'))))
    return rows.filter((_, at) => may[at])
  }

  const rowsOf: Inbox['rowsOf'] = async principal => {
    const rows = await reader.limited(() => repository.ofUser(principal.userId))
    const shown = await allowed(
      principal,
      rows.filter(({ isHidden }) => !isHidden)
    )
    return [...shown].sort(latestFirst)
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

  return {
    rowsOf,
    itemsOf: items,
    async page(principal, { after, limit }) {
      const place = after === undefined ? undefined : placeOf(keyring.decrypt(after))
      const all = await rowsOf(principal)
      const rest = place ? all.filter(row => latestFirst(place, row) < 0) : all
      const rows = rest.slice(0, limit)
      const last = rows.at(-1)
      const next =
        last && rest.length > limit ? keyring.encrypt(JSON.stringify([last.at, last.roomId])).token : undefined
      return {
        rooms: await items(principal.userId, rows),
        total: totalOf(all),
        has_more: next !== undefined,
        ...(next === undefined ? {} : { next })
      }
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
    // The error below is the same.
  }
  throw invalid('/querystring/after', 'After must be the `next` of a page.')
}
