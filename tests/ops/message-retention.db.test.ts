/** Tests that expired entries are not shown anymore, are deleted completely, and leave the rest of the room as it was. */
import { describe, expect, test } from 'vitest'
import type { ChatDatabase } from '../../src/db/database.ts'
import { createMessageRetention } from '../../src/ops/message-retention.ts'
import { fakeClock } from '../support/clock.ts'
import { silentLog } from '../support/memory-chat.ts'
import { type RunningChat, startChat } from '../support/start-chat.ts'

const sqlOf =
  ({ client, schema }: ChatDatabase) =>
  <Row extends object>(text: string) =>
    client.query<Row>(text.replaceAll('@', `"${schema}".`))

const retentionOf = ({ messageRetention: repository }: ChatDatabase, days: number) =>
  createMessageRetention({ repository, days, clock: fakeClock(Date.now()), log: silentLog })

/** Changes the time of every entry from 1 to `seq` to 40 days ago. */
const age = (database: ChatDatabase, seq: number) =>
  sqlOf(database)(`update @messages set created_at = now() - interval '40 days' where seq <= ${seq}`)

/** Starts a service, and a user who sends `count` messages to `general`. */
const start = async (count: number) => {
  const chat = await startChat({ settings: { messageRateLimit: 0 }, joinsPosters: false })
  const john = await chat.register('john')
  const writer = await chat.join(john)
  const send = async (frame: object, type = 'ack') => {
    writer.send({ ...frame, ref: 'r' })
    return writer.nextOf(type)
  }
  for (let n = 1; n <= count; n++) await send({ type: 'message', content: `text ${n}` })
  const get = async (path: string) => chat.call('GET', `/api/chat/rooms/general/${path}`, { token: john.token })
  const list = async (query = '') => (await get(`messages?${query}`)).body
  return { ...chat, john, send, get, list, sql: sqlOf(chat.database) }
}

const seqs = (list: { messages: { seq: number }[] }) => list.messages.map(({ seq }) => seq)

/** Waits until the process knows that the entries before `oldest` have expired. */
const knows = (list: (query: string) => Promise<{ oldest: number }>, oldest: number) =>
  expect.poll(async () => (await list('limit=1')).oldest, { timeout: 15_000 }).toBe(oldest)

const inboxOf = async ({ call }: Pick<RunningChat, 'call'>, token: string) =>
  (await call('GET', '/api/chat/inbox', { token })).body.rooms.find(({ room }: { room: string }) => room === 'general')

describe('expired entries', () => {
  test('are deleted with what belongs to them, and the others stay', async () => {
    const { database, john, send, get, list, sql, call, join, register } = await start(5)
    const jane = await register('jane')
    await call('PUT', '/api/chat/rooms/general/members/me', { token: jane.token, body: {} })
    await send({ type: 'react', target: 2, key: 'a' })
    await send({ type: 'edit', target: 3, content: 'edited' })
    await send({ type: 'message', content: 'a reply', reply_to: 2 })
    const newest = (await list('limit=1')).seq
    await call('PUT', '/api/chat/rooms/general/pins/3', { token: john.token })
    await call('POST', '/api/chat/rooms/general/messages/4/report', { token: john.token, body: { reason: 'spam' } })
    await sql(`update @members set read_seq = 2 where user_id = ${jane.id}`)
    const before = await inboxOf({ call }, jane.token)
    expect(before.unread).toBe(4)
    await age(database, 5)
    const retention = retentionOf(database, 30)
    await retention.run()
    expect(retention.deletedEntries).toBe(5)
    await knows(list, 6)

    expect(seqs(await list('limit=50'))).toEqual([newest])
    expect(await list('limit=50')).toMatchObject({ oldest: 6, has_more: false })
    expect((await list('limit=50')).messages[0].reply).toEqual({ seq: 2, unavailable: 'expired' })
    expect((await get('messages/3')).status).toBe(404)
    expect((await get('pins')).body.messages).toEqual([])
    const raw = (await get('log?after=5')).body.entries
    expect(raw.find(({ type }: { type: string }) => type === 'edit')).toMatchObject({ content: null })
    for (const table of ['messages', 'message_state', 'reactions'])
      expect(await sql(`select * from @${table} where seq <= 5`), table).toEqual([])
    expect(await sql('select content is not null as has_text from @reports')).toEqual([{ has_text: true }])
    // The inbox computes numbers of messages from positions in the log. The deletion of messages does not change these
    // positions.
    expect(await inboxOf({ call }, jane.token)).toMatchObject({ unread: 1, messages: before.messages })
    const late = { token: john.token, body: { content: 'late' } }
    expect((await call('PATCH', '/api/chat/rooms/general/messages/3', late)).status).toBe(404)
    const reader = await join(john, {}, '?rooms=')
    reader.send({ type: 'subscribe', room: 'general', after: 3 })
    expect(await reader.nextOf('resync')).toMatchObject({ reason: 'expired', oldest: 6 })
    reader.send({ type: 'subscribe', room: 'general', after: 5 })
    expect((await reader.nextOf('subscribed')).oldest).toBe(6)
    await retention.run()
    expect(retention.deletedEntries).toBe(5)
  })

  test('are not shown before their rows are deleted', async () => {
    const { database, list, get, send } = await start(4)
    expect(seqs(await list())).toEqual([1, 2, 3, 4])
    await send({ type: 'message', content: 'a reply', reply_to: 1 })
    await age(database, 3)
    const room = await database.rooms.findByName('general')
    expect(await database.messageRetention.expire(room?.id ?? 0, 30)).toBe(true)
    await knows(list, 4)
    expect(seqs(await list())).toEqual([4, 5])
    expect((await list()).messages[1].reply).toEqual({ seq: 1, unavailable: 'expired' })
    expect((await get('messages/2')).status).toBe(404)
    expect((await get('messages/2/reactions?key=a')).status).toBe(404)
  })

  test('are neither pinned nor changed before their rows are deleted', async () => {
    const { database, get, list, call, john, send, sql } = await start(4)
    await sql(`update @users set role = 'admin' where id = ${john.id}`)
    for (const seq of [2, 4])
      expect((await call('PUT', `/api/chat/rooms/general/pins/${seq}`, { token: john.token })).status).toBe(201)
    const { id } = (await database.rooms.findByName('general')) ?? { id: 0 }
    await age(database, 3)
    expect(await database.messageRetention.expire(id, 30)).toBe(true)
    await knows(list, 4)
    expect(seqs((await get('pins')).body)).toEqual([4])
    const late = { token: john.token, body: { content: 'late' } }
    expect((await call('PATCH', '/api/chat/rooms/general/messages/3', late)).status).toBe(404)
    expect((await call('PUT', '/api/chat/rooms/general/pins/3', { token: john.token })).status).toBe(404)
    const refused = async (frame: object) =>
      expect(await send(frame, 'error')).toMatchObject({ code: 'message_not_found' })
    await refused({ type: 'react', target: 3, key: 'a' })
    await refused({ type: 'delete', target: 3 })
    await refused({ type: 'message', content: 'a reply', reply_to: 3 })
    expect((await send({ type: 'message', content: 'a reply', reply_to: 4 })).seq).toBe(7)
  })

  test('may be all entries of a room, which then continues', async () => {
    const { database, list, send, sql } = await start(3)
    await age(database, 3)
    await retentionOf(database, 30).run()
    await knows(list, 4)
    expect(seqs(await list())).toEqual([])
    expect(await sql('select seq from @messages')).toEqual([])
    expect((await send({ type: 'message', content: 'next' })).seq).toBe(4)
    expect(seqs(await list())).toEqual([4])
  })

  test('are deleted by the next process if one crashes after the boundary was moved', async () => {
    const { database, sql } = await start(8)
    await age(database, 7)
    const id = (await database.rooms.findByName('general'))?.id ?? 0
    await database.messageRetention.expire(id, 30)
    expect(await database.messageRetention.deleteSome(id, 3)).toEqual({ deleted: 3, found: 3 })
    const retention = retentionOf(database, 30)
    await retention.run()
    expect(retention.deletedEntries).toBe(4)
    expect(await sql('select seq::integer from @messages')).toEqual([{ seq: 8 }])
  })

  test('are found by position, also between entries that are missing', async () => {
    const { database, sql } = await start(0)
    await sql(`insert into @messages (room_id, seq, kind, user_id, content, write_id, created_at)
      select 1, n, 'message', 1, 't', 'w' || n, now() - (500 - n) * interval '1 hour' from generate_series(1, 500) as n
      where n % 7 <> 0 and n not between 100 and 180`)
    await sql('update @rooms set last_seq = 500 where id = 1')
    await retentionOf(database, 10).run()
    // Entries expire after 240 hours. Entry 260 is a little older than 240 hours, so entry 261 is the first that is kept.
    expect(await sql('select min(seq)::integer as first, count(*)::integer as count from @messages')).toEqual([
      { first: 261, count: 206 }
    ])
    expect(await sql('select oldest_seq::integer as oldest from @rooms where id = 1')).toEqual([{ oldest: 261 }])
  })
})

describe('the number of days', () => {
  test('is the smaller one of the setting and of the room', async () => {
    const { database, sql } = await start(4)
    const oldest = async () =>
      (await sql<{ oldest: number }>('select oldest_seq::integer as oldest from @rooms'))[0]?.oldest
    const set = (days: number | null) => sql(`update @rooms set retention_days = ${days}`)
    await age(database, 2)
    await retentionOf(database, 0).run()
    expect(await oldest()).toBe(1)
    await set(50)
    await retentionOf(database, 0).run()
    expect(await oldest()).toBe(1)
    await retentionOf(database, 60).run()
    expect(await oldest()).toBe(1)
    await set(30)
    await retentionOf(database, 0).run()
    expect(await oldest()).toBe(3)
  })

  test('of a room is changed by owners, and is an entry of the log', async () => {
    const { call, register, database } = await startChat()
    const [owner, member] = [await register('john'), await register('jane')]
    await call('POST', '/api/chat/rooms', { token: owner.token, body: { room: 'team' } })
    await call('PUT', '/api/chat/rooms/team/members/me', { token: member.token, body: {} })
    const change = (token: string, days: unknown) =>
      call('PATCH', '/api/chat/rooms/team', { token, body: { retention_days: days } })
    expect((await change(member.token, 7)).status).toBe(403)
    for (const days of [0, 1.5, '7']) expect((await change(owner.token, days)).status).toBe(422)
    expect((await change(owner.token, 7)).body).toMatchObject({ retention_days: 7 })
    const { body } = await call('GET', '/api/chat/rooms/team/log?after=0', { token: member.token })
    expect(body.entries.at(-1)).toMatchObject({ type: 'room', retention_days: 7 })
    expect((await change(owner.token, null)).body).not.toHaveProperty('retention_days')
    expect((await database.rooms.findByName('team'))?.retentionDays).toBeNull()
  })
})
