/** Tests the list of the rooms of a user with the numbers of unread messages. */
import { expect, test } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { ROOMS, startRooms } from '../support/rooms.ts'
import type { Person } from '../support/start-chat.ts'

const INBOX = '/api/chat/inbox'

const start = async (options = {}) => {
  const chat = await startRooms(['ann', 'bob', 'cat'], options)
  const [ann, bob, cat] = chat.people
  const inbox = async (person: Person, query = '') => {
    const response = await chat.as(person, 'GET', `${INBOX}${query}`)
    expect(response).toMatchObject({ status: 200 })
    return response.body
  }
  const post = async (person: Person, room: string, content = 'x', more: object = {}): Promise<number> => {
    const { status, body } = await chat.as(person, 'POST', `${ROOMS}/${room}/messages`, { content, ...more })
    expect(status).toBe(201)
    return body.seq
  }
  const edit = (person: Person, room: string, seq: number, body: object) =>
    chat.as(person, 'PATCH', `${ROOMS}/${room}/messages/${seq}`, body)
  const remove = (person: Person, room: string, seq: number) =>
    chat.as(person, 'DELETE', `${ROOMS}/${room}/messages/${seq}`)
  const react = (person: Person, room: string, seq: number) =>
    chat.as(person, 'PUT', `${ROOMS}/${room}/messages/${seq}/reactions/a`)
  const read = (person: Person, room: string, body: object) => chat.as(person, 'PUT', `${ROOMS}/${room}/read`, body)
  const sql = (text: string, params: unknown[] = []) =>
    chat.database.client.query(text.replaceAll('@', `"${chat.database.schema}".`), params)
  const open = async (person: Person, ...others: Person[]): Promise<string> =>
    (await chat.as(person, 'POST', '/api/chat/direct', { users: others.map(({ id }) => id) })).body.room
  return { ...chat, ann, bob, cat, inbox, post, edit, remove, react, read, sql, open }
}

test('lists rooms by their latest message, with unread messages, the last one, and the people of direct rooms', async () => {
  const { ann, bob, cat, create, put, inbox, post, react, open } = await start()
  await create(ann, { room: 'one', title: 'The first' })
  const { room: secret } = await create(ann, { visibility: 'private' })
  const direct = await open(ann, bob, cat)
  await put(ann, secret, bob.id)
  await put(bob, 'one', 'me')
  const first = await post(bob, 'one')
  const last = await post(bob, secret, 'é'.repeat(200))
  await react(bob, 'one', first)
  const { rooms, total, has_more } = await inbox(ann)
  expect(rooms).toEqual([
    {
      room: secret,
      visibility: 'private',
      role: 'owner',
      seq: 2,
      messages: 1,
      read_messages: 0,
      unread: 1,
      mentions: 0,
      marked_unread: false,
      last: {
        seq: last,
        user_id: bob.id,
        username: 'bob',
        timestamp: expect.stringMatching(/\+00:00$/),
        excerpt: 'é'.repeat(100)
      }
    },
    {
      room: 'one',
      title: 'The first',
      visibility: 'public',
      role: 'owner',
      seq: 3,
      messages: 1,
      read_messages: 0,
      unread: 1,
      mentions: 0,
      marked_unread: false,
      last: expect.objectContaining({ seq: first, excerpt: 'x' })
    },
    {
      room: direct,
      visibility: 'direct',
      role: 'member',
      seq: 0,
      messages: 0,
      read_messages: 0,
      unread: 0,
      mentions: 0,
      marked_unread: false,
      people: [
        { user_id: bob.id, username: 'bob' },
        { user_id: cat.id, username: 'cat' }
      ]
    }
  ])
  expect([total, has_more]).toEqual([{ unread_rooms: 2, mentions: 0 }, false])
  expect((await inbox(cat)).rooms.map(({ room }: { room: string }) => room)).toEqual([direct])
})

test('shows the last message in its current state', async () => {
  const { ann, bob, create, put, inbox, post, edit, remove } = await start()
  await create(ann, { room: 'one' })
  await put(bob, 'one', 'me')
  const seq = await post(bob, 'one', 'first')
  const last = async () => (await inbox(ann)).rooms[0].last
  await edit(bob, 'one', seq, { content: 'second' })
  expect(await last()).toMatchObject({ seq, excerpt: 'second' })
  await remove(bob, 'one', seq)
  expect(await last()).toMatchObject({ seq, user_id: bob.id, unavailable: 'erased' })
  expect(await last()).not.toHaveProperty('excerpt')
  expect((await inbox(ann)).rooms[0].unread).toBe(1)
})

test('counts the unread messages that mention the user, until they are read, edited or deleted', async () => {
  const { ann, bob, cat, create, put, inbox, post, edit, remove, read, sql } = await start()
  await create(ann, { room: 'one' })
  await put(bob, 'one', 'me')
  const mentions = [ann.id, cat.id]
  const mentioned = async () => (await inbox(ann)).rooms[0].mentions
  const [first, second, third] = [
    await post(bob, 'one', 'x', { mentions }),
    await post(bob, 'one', 'x', { mentions }),
    await post(bob, 'one', 'x')
  ]
  expect(await mentioned()).toBe(2)
  expect((await inbox(ann)).total).toEqual({ unread_rooms: 1, mentions: 2 })
  await edit(bob, 'one', third, { content: 'x', mentions })
  expect(await mentioned()).toBe(3)
  await edit(bob, 'one', first, { content: 'x' })
  expect(await mentioned()).toBe(2)
  await remove(bob, 'one', second)
  expect(await mentioned()).toBe(1)
  // Mentions of users who are not members, and mentions that were read, have no row.
  expect(await sql('select user_id from @mentions')).toEqual([{ user_id: ann.id }])
  await read(ann, 'one', {})
  expect(await mentioned()).toBe(0)
  expect(await sql('select user_id from @mentions')).toEqual([])
})

test('does not count a message of the user as unread, even right after it was sent', async () => {
  const { ann, create, inbox, post } = await start()
  await create(ann, { room: 'one' })
  await post(ann, 'one')
  await post(ann, 'one')
  expect((await inbox(ann)).rooms[0]).toMatchObject({ messages: 2, read_messages: 2, unread: 0 })
})

test('returns opaque pages, which together contain every room once', async () => {
  const { ann, create, inbox, as } = await start()
  const names = Array.from({ length: 7 }, (_, at) => `room-${at}`)
  for (const room of names) await create(ann, { room })
  const seen: string[] = []
  for (let next: string | undefined = ''; next !== undefined; ) {
    const page: { rooms: { room: string }[]; next?: string } = await inbox(ann, `?limit=3${next && `&after=${next}`}`)
    seen.push(...page.rooms.map(({ room }) => room))
    next = page.next
  }
  expect(seen).toEqual(names.toReversed())
  expect(await as(ann, 'GET', `${INBOX}?after=abc`)).toMatchObject({ status: 422, body: { code: 'validation_failed' } })
})

test('leaves out a hidden direct room until its next message, also in the total', async () => {
  const { ann, bob, create, inbox, post, open, as } = await start()
  const direct = await open(ann, bob)
  await post(bob, direct)
  const hidden = (method: string, room: string) => as(ann, method, `${ROOMS}/${room}/hidden`)
  const { room } = await create(ann, { room: 'one' })
  expect((await hidden('PUT', direct)).status).toBe(204)
  expect(await inbox(ann)).toMatchObject({ rooms: [{ room }], total: { unread_rooms: 0 } })
  expect((await hidden('DELETE', direct)).status).toBe(204)
  expect((await inbox(ann)).rooms).toHaveLength(2)
  await hidden('PUT', direct)
  await post(bob, direct)
  expect((await inbox(ann)).rooms).toHaveLength(2)
  expect(await hidden('PUT', room)).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  expect(await hidden('PUT', 'd.absent')).toMatchObject({ status: 404, body: { code: 'room_not_found' } })
  expect((await inbox(bob)).rooms).toHaveLength(1)
})

test('contains nothing of a room from which the user was removed, and no text that was written after the removal', async () => {
  const { ann, bob, create, put, remove: _, inbox, post, as, database } = await start()
  const { room } = await create(ann, { visibility: 'private' })
  await put(ann, room, bob.id)
  const seq = await post(ann, room, 'before')
  const inboxRows = await database.inbox.ofUser(bob.id)
  expect(inboxRows).toMatchObject([{ room, messageSeq: seq }])
  const place = { roomId: inboxRows[0]?.roomId ?? 0, seq }
  expect(await database.messages.oneOfEach([place], bob.id)).toHaveLength(1)
  await as(ann, 'DELETE', `${ROOMS}/${room}/members/${bob.id}`)
  expect(await database.messages.oneOfEach([place], bob.id)).toEqual([])
  expect((await inbox(bob)).rooms).toEqual([])
})

test('counts only the messages that are kept if old entries were deleted', async () => {
  const { ann, bob, create, put, inbox, post, react, sql } = await start()
  await create(ann, { room: 'one' })
  await put(bob, 'one', 'me')
  for (let count = 0; count < 5; count++) await react(bob, 'one', await post(bob, 'one'))
  expect((await inbox(ann)).rooms[0]).toMatchObject({ seq: 11, messages: 5, read_messages: 0, unread: 5 })
  await sql(`update @rooms set oldest_seq = 6 where name = 'one'`)
  const prune = (table: string) =>
    sql(`delete from @${table} where seq < 6 and room_id = (select id from @rooms where name = 'one')`)
  await prune('messages')
  expect((await inbox(ann)).rooms[0]).toMatchObject({ unread: 3 })
  await prune('others')
  expect((await inbox(ann)).rooms[0]).toMatchObject({ unread: 3 })
  await post(bob, 'one')
  expect((await inbox(ann)).rooms[0]).toMatchObject({ unread: 4 })
})

test('reads an inbox of 1,000 rooms or more with as many queries as one of 200', async () => {
  const database = await testDatabase()
  const { client } = database
  let queries = 0
  const observed: typeof client = {
    ...client,
    query(text, ...rest) {
      if (/inbox|"others"|members|messages/.test(text)) queries++
      return client.query(text, ...rest)
    }
  }
  const { ann, inbox, sql } = await start({ database: { ...database, client: observed } })
  const fill = async (from: number, to: number): Promise<void> => {
    await sql(
      `with room as (
         insert into @rooms (name, visibility, guarded, last_seq, last_at)
         select 'p.' || n, 'private', true, 3, clock_timestamp() from generate_series($1::integer, $2::integer) as n returning id
       ), message as (
         insert into @messages (room_id, seq, kind, user_id, content, write_id, created_at)
         select room.id, seq, 'message', 1, 'x', 'w' || seq, clock_timestamp() from room, generate_series(1, 3) as seq
       )
       insert into @members (room_id, user_id, read_seq) select id, $3, 1 from room`,
      [from, to, ann.id]
    )
  }
  const count = async (): Promise<number> => {
    queries = 0
    const { rooms } = await inbox(ann, '?limit=200')
    expect(rooms).toHaveLength(200)
    expect(rooms[0]).toMatchObject({ messages: 3, read_messages: 1, unread: 2 })
    return queries
  }
  await fill(1, 200)
  const few = await count()
  await fill(201, 1000)
  expect(await count()).toBe(few)
  // The host application may add a user to more rooms than the limit of 1,000. The inbox contains all of them.
  await fill(1001, 1100)
  expect(await count()).toBe(few)
  expect(few).toBeLessThan(15)
  expect((await inbox(ann, '?limit=1')).total.unread_rooms).toBe(1100)
})
