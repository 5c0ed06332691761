/** Tests the order and the rate of the frames of live inboxes, with a fake clock and a fake database. */
import { expect, test } from 'vitest'
import { createMemoryBus } from '../../../src/bus/drivers/memory.ts'
import type { Connection } from '../../../src/chat/connections/connection.ts'
import type { Encoded } from '../../../src/chat/connections/encoded.ts'
import { marksOf } from '../../../src/chat/inbox/digest.ts'
import { itemsOf } from '../../../src/chat/inbox/items.ts'
import { createLiveInbox } from '../../../src/chat/inbox/live.ts'
import type { InboxRow } from '../../../src/db/database.ts'
import { fakeClock } from '../../support/clock.ts'
import { silentLog } from '../../support/memory-chat.ts'

const rowOf = (userId: number, roomId: number): InboxRow => ({
  userId,
  roomId,
  room: `room-${roomId}`,
  title: null,
  lastSeq: 1,
  messages: 1,
  messageSeq: 1,
  visibility: 'private',
  role: 'member',
  readMessages: 0,
  isUnread: false,
  readSeq: 0,
  mentions: 0,
  isHidden: false,
  at: roomId
})

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
}

const start = () => {
  const clock = fakeClock()
  const rows = new Map<string, InboxRow>()
  const texts = new Map<number, string>()
  const counts = { rooms: 0, members: 0 }
  /** `afterTexts` is called after the texts were read, and before the members are read. */
  const state = { afterTexts: () => {}, isFailing: false }
  const put = (row: InboxRow) => rows.set(`${row.roomId} ${row.userId}`, row)
  const rowsOf = (userId: number) => [...rows.values()].filter(row => row.userId === userId)
  const rowsIn = (roomId: number) => [...rows.values()].filter(row => row.roomId === roomId)
  const newest = async (places: readonly { readonly roomId: number; readonly seq: number }[]) =>
    new Map(
      places.map(({ roomId, seq }) => [
        roomId,
        { seq, user_id: 9, username: 'x', timestamp: 't', excerpt: texts.get(roomId) ?? '' }
      ])
    )
  const inbox = {
    async allOf({ userId }: { readonly userId: number }) {
      const found = rowsOf(userId)
      return { rows: found, digest: 'd', marks: marksOf(found) }
    },
    itemsOf: async (_: number, some: readonly InboxRow[]) => itemsOf(some, { newest: await newest([]), people: [] }),
    pageOf: async (_: number, some: readonly InboxRow[], limit: number) => ({
      rooms: itemsOf(some.slice(0, limit), { newest: await newest([]), people: [] }),
      total: { unread_rooms: 0, mentions: 0 },
      has_more: false
    }),
    page: () => Promise.reject(new Error('unused'))
  }
  const live = createLiveInbox({
    repository: {
      ofUser: async () => [],
      async ofMembers(roomIds, userIds) {
        counts.members++
        return [...rows.values()].filter(row => roomIds.includes(row.roomId) && userIds.includes(row.userId))
      },
      async rooms(roomIds) {
        if (state.isFailing) throw new Error('down')
        counts.rooms++
        return roomIds.flatMap(roomId => rowsIn(roomId).slice(0, 1))
      },
      heads: async roomIds => roomIds.flatMap(roomId => rowsIn(roomId).slice(0, 1)),
      digests: async userIds => userIds.map(userId => ({ userId, digest: 'd', ...marksOf(rowsOf(userId)) })),
      roomsOf: async () => [],
      people: async () => [],
      hide: async () => false
    },
    inbox,
    reader: {
      limited: (async (work: () => unknown) => work()) as never,
      async newest(places) {
        const found = await newest(places)
        state.afterTexts()
        return found
      }
    },
    bus: createMemoryBus(),
    clock,
    log: silentLog
  })
  const connect = (userId: number) => {
    // biome-ignore lint/suspicious/noExplicitAny: tests read any field.
    const frames: any[] = []
    const client = { isFull: false, frames }
    const sent: Encoded[] = []
    const receive = (frame: Encoded): boolean => {
      if (client.isFull) return false
      sent.push(frame)
      frames.push(JSON.parse(frame.frame.subarray(frame.head).toString()))
      return true
    }
    const connection = {
      isEnded: false,
      principal: { userId },
      reply: receive,
      outgoing: {
        hint: receive,
        get mayCatchUp() {
          return !client.isFull
        }
      }
    } as unknown as Connection
    live.open(connection)
    return Object.assign(client, { connection, sent })
  }
  /** Changes the room for all its members, as a message does. */
  const post = (roomId: number, text: string): void => {
    texts.set(roomId, text)
    for (const row of rowsIn(roomId))
      put({ ...row, lastSeq: row.lastSeq + 1, messages: row.messages + 1, messageSeq: row.lastSeq + 1 })
    live.grown(roomId, rowsIn(roomId)[0]?.lastSeq ?? 0)
  }
  const tick = async (ms = 1000): Promise<void> => {
    clock.advance(ms)
    await settle()
  }
  return { live, put, rows, post, connect, tick, counts, state }
}

test('reads a room at most once per second, and encodes one frame for everybody', async () => {
  const { put, post, connect, tick, counts } = start()
  for (const userId of [1, 2]) put(rowOf(userId, 7))
  const [one, two] = [connect(1), connect(2)]
  await settle()
  for (const text of ['a', 'b', 'c']) post(7, text)
  await tick(900)
  expect(one.frames).toMatchObject([{ first: true, rooms: [{ room: 'room-7', messages: 1 }] }])
  await tick(100)
  expect(one.frames.slice(1)).toEqual([
    { type: 'inbox', rooms: [{ room: 'room-7', messages: 4, last: expect.objectContaining({ excerpt: 'c' }) }] }
  ])
  expect(one.sent[1]).toBe(two.sent[1])
  await tick(60_000)
  expect(counts.rooms).toBe(1)
})

test('reads nothing for a room that nobody here has in an inbox, and forgets the rooms of those who left', async () => {
  const { live, put, post, connect, tick, counts } = start()
  put(rowOf(1, 7))
  put(rowOf(2, 8))
  const { connection } = connect(1)
  await settle()
  post(8, 'x')
  await tick()
  expect(counts).toEqual({ rooms: 0, members: 0 })
  live.left(connection)
  post(7, 'x')
  await tick(10_000)
  expect(counts).toEqual({ rooms: 0, members: 0 })
})

test('sends no text to a user who was removed after the text was read', async () => {
  const { rows, put, post, connect, tick, state } = start()
  for (const userId of [1, 2]) put(rowOf(userId, 7))
  const [one, two] = [connect(1), connect(2)]
  await settle()
  state.afterTexts = () => rows.delete('7 1')
  post(7, 'secret')
  await tick()
  expect(JSON.stringify(one.frames)).not.toContain('secret')
  expect(one.frames.at(-1)).toMatchObject({ removed: ['room-7'] })
  expect(JSON.stringify(two.frames)).toContain('secret')
  post(7, 'later')
  await tick()
  expect(JSON.stringify(one.frames)).not.toContain('later')
})

test('sends no frame if nothing has changed that an inbox shows', async () => {
  const { live, put, post, connect, tick } = start()
  put(rowOf(1, 7))
  const { frames } = connect(1)
  await settle()
  post(7, 'x')
  await tick()
  expect(frames).toHaveLength(2)
  live.grown(7, 99)
  await tick()
  expect(frames).toHaveLength(2)
})

test('sends the personal fields after a read mark was changed and changed back', async () => {
  const { live, put, connect, tick } = start()
  for (const userId of [1, 2]) put(rowOf(userId, 7))
  const [one, two] = [connect(1), connect(2)]
  await settle()
  for (const isUnread of [true, false]) {
    put({ ...rowOf(1, 7), isUnread })
    live.marked(7, [1])
  }
  await tick()
  expect(one.frames[1]).toMatchObject({ type: 'inbox', rooms: [{ room: 'room-7', marked_unread: false }] })
  expect(two.frames).toHaveLength(1)
})

test('sends personal fields only to the user whose fields have changed', async () => {
  const { live, put, connect, tick } = start()
  for (const userId of [1, 2]) put(rowOf(userId, 7))
  const [one, two] = [connect(1), connect(2)]
  await settle()
  put({ ...rowOf(1, 7), readMessages: 1 })
  live.marked(7, [1, 3])
  await tick()
  expect(one.frames[1]).toEqual({
    type: 'inbox',
    rooms: [{ room: 'room-7', role: 'member', read_messages: 1, mentions: 0, marked_unread: false }]
  })
  expect(two.frames).toHaveLength(1)
})

test('sends a room as a whole if it was not in the first frame', async () => {
  const { put, post, connect, tick } = start()
  for (let roomId = 1; roomId <= 201; roomId++) put(rowOf(1, roomId))
  const { frames } = connect(1)
  await settle()
  expect(frames[0].rooms).toHaveLength(200)
  post(201, 'x')
  await tick()
  expect(frames[1]).toMatchObject({ rooms: [{ room: 'room-201', visibility: 'private', messages: 2 }] })
  post(201, 'y')
  await tick()
  expect(frames[2].rooms[0]).not.toHaveProperty('visibility')
})

test('sends the whole inbox again to a client that could not take a frame', async () => {
  const { put, post, connect, tick } = start()
  put(rowOf(1, 7))
  const client = connect(1)
  await settle()
  client.isFull = true
  post(7, 'x')
  await tick()
  expect(client.frames).toHaveLength(1)
  client.isFull = false
  await tick()
  expect(client.frames[1]).toMatchObject({ first: true, rooms: [{ messages: 2 }] })
})

test('finds changes by polling if a notification was lost, and retries after a failure', async () => {
  const { put, connect, tick, state } = start()
  put(rowOf(1, 7))
  const { frames } = connect(1)
  await settle()
  put({ ...rowOf(1, 7), lastSeq: 5, messages: 5, messageSeq: 5 })
  state.isFailing = true
  await tick(5000)
  await tick()
  expect(frames).toHaveLength(1)
  state.isFailing = false
  await tick()
  expect(frames[1]).toMatchObject({ rooms: [{ messages: 5 }] })
})

test.each([
  ['a read mark', { readSeq: 1, readMessages: 1 }, { read_messages: 1 }],
  ['that a room is marked as unread', { isUnread: true }, { marked_unread: true }]
])('finds %s whose notification was lost', async (_, change, shown) => {
  const { put, connect, tick } = start()
  put(rowOf(1, 7))
  const { frames } = connect(1)
  await settle()
  put({ ...rowOf(1, 7), ...change })
  for (let half = 0; half < 2; half++) {
    expect(frames).toHaveLength(1)
    await tick(30_000)
  }
  await tick()
  expect(frames[1]).toMatchObject({ rooms: [{ room: 'room-7', ...shown }] })
  await tick(30_000)
  await tick(30_000)
  expect(frames).toHaveLength(2)
})
