/** Compares the live inbox of a user with the inbox over HTTP, and its counts with the logs of the rooms. */
import { isDeepStrictEqual } from 'node:util'
import type { Inbox } from '../../../client/src/index.ts'
import type { App } from './app.ts'
import type { FoldedRoom } from './check-log.ts'
import { pause } from './random.ts'
import type { Caller } from './world.ts'

/**
 * Timeout in milliseconds. Every 30 s, the service compares open inboxes with the database, and finds changes whose notification
 * was lost. The timeout is longer than two of these intervals.
 */
const INBOX_MS = 75_000

/**
 * Returns the part of an inbox that is compared. Omits the `seq` of each room, because live frames don't update it. Sorts rooms
 * without messages by name. The service sorts these rooms by the time at which the user joined, but live frames lack this time.
 */
export const viewOf = ({ rooms, total }: Pick<Inbox['state'], 'rooms' | 'total'>) => {
  const shown = rooms.map(({ seq: _, ...room }) => room)
  const empty = shown.filter(({ last }) => !last).sort((one, other) => (one.room < other.room ? -1 : 1))
  return JSON.parse(JSON.stringify({ rooms: [...shown.filter(({ last }) => last), ...empty], total })) as Pick<
    Inbox['state'],
    'rooms' | 'total'
  >
}

export const checkInbox = async (
  { inbox, id }: App,
  { api }: Caller,
  rooms: readonly FoldedRoom[]
): Promise<string[]> => {
  const deadline = performance.now() + INBOX_MS
  const load = async () => viewOf(await api.inbox({ limit: 200 }))
  let expected = await load()
  while (!isDeepStrictEqual(viewOf(inbox.state), expected) && performance.now() < deadline) {
    await pause(300)
    expected = await load()
  }
  const shown = viewOf(inbox.state)
  const wrong = isDeepStrictEqual(shown, expected)
    ? []
    : [`the inbox (${inbox.state.status}) is ${JSON.stringify(shown)} instead of ${JSON.stringify(expected)}`]
  for (const item of expected.rooms) {
    const room = rooms.find(({ name }) => name === item.room)
    if (room) wrong.push(...(await checkCounts(item, room, id, api)))
  }
  return wrong
}

const checkCounts = async (
  item: Inbox['state']['rooms'][number],
  { name, log, messages }: FoldedRoom,
  id: number,
  api: Caller['api']
): Promise<string[]> => {
  const { members } = await api.members(name)
  const mark = members.find(({ user_id }) => user_id === id)?.read_seq ?? 0
  const later = log.filter(({ type, seq }) => type === 'message' && seq > mark)
  const mentions = later.filter(({ seq }) => messages.get(seq)?.mentions?.includes(id))
  const wrong: string[] = []
  if (item.unread !== later.length) wrong.push(`${name} has ${item.unread} unread messages instead of ${later.length}`)
  if (item.mentions !== mentions.length)
    wrong.push(`${name} has ${item.mentions} mentions instead of ${mentions.length}`)
  return wrong
}
