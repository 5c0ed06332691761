/** Tests the deletion of accounts: what ends immediately, what the job removes, and who is notified of erased messages. */
import { describe, expect, test } from 'vitest'
import type { ChatDatabase } from '../../src/db/database.ts'
import { PERSONAL_TABLES } from '../../src/db/repositories/deletions.ts'
import { fakeClock, whileJobsRun } from '../support/clock.ts'
import { testDatabase } from '../support/database.ts'
import { withRooms } from '../support/rooms.ts'
import type { SocketClient } from '../support/socket-client.ts'
import { PASSWORD, type Person, type RunningChat, startChat } from '../support/start-chat.ts'

const SECRET = 'a text that must not stay'

const inSchema = ({ schema }: ChatDatabase, table: string) => `"${schema}".${table}`

const deleteMe = ({ call }: RunningChat, { token }: Person, body: object = {}) =>
  call('DELETE', '/api/users/me', { token, body })

/**
 * Sets the request times of all deletions back by three minutes, so that the job no longer waits for entries that are being
 * appended.
 */
const settle = async ({ database }: RunningChat): Promise<void> => {
  await database.client.query(
    `update ${inSchema(database, 'deletions')} set requested_at = requested_at - interval '3 minutes'`
  )
}

const statusOf = async ({ database }: RunningChat, { id }: Person) =>
  (await database.users.findByIds([id])).get(id)?.status

const send = async (socket: SocketClient, ...contents: string[]): Promise<void> => {
  for (const content of contents) {
    socket.send({ type: 'message', content, meta: { note: content }, ref: content })
    await socket.nextOf('ack')
  }
}

const start = async () => {
  const clock = fakeClock(Date.now())
  const chat = await startChat({ clock, settings: { messageRateLimit: 0 } })
  const john = await chat.register('John')
  const jane = await chat.register('jane')
  /** Waits until the account of a user is deleted. Advances the clock, so that the job runs. */
  const finished = async (person = john) => {
    await settle(chat)
    await expect
      .poll(async () => {
        clock.advance(5000)
        return statusOf(chat, person)
      })
      .toBe('deleted')
  }
  return { ...chat, chat, clock, john, jane, finished }
}

describe('the deletion of an account', () => {
  test('ends the login, the sessions and the sockets at once', async () => {
    const { chat, call, join, john, database, clock } = await start()
    const socket = await join(john)
    expect(await deleteMe(chat, john)).toMatchObject({ status: 202 })
    expect((await whileJobsRun(clock, socket.closed)).code).toBe(4401)
    clock.advance(500)
    expect(await call('GET', '/api/users/me', { token: john.token })).toMatchObject({ body: { code: 'invalid_token' } })
    const login = await call('POST', '/api/auth/login', { body: { username: 'john', password: PASSWORD } })
    expect(login).toMatchObject({ status: 401, body: { code: 'invalid_credentials' } })
    expect(
      await database.client.query(`select 1 as one from ${inSchema(database, 'sessions')} where user_id = $1`, [
        john.id
      ])
    ).toEqual([])
  })

  test('requires a recent proof', async () => {
    const { chat, john, database } = await start()
    await database.client.query(
      `update ${inSchema(database, 'sessions')} set proven_at = proven_at - interval '1 hour'`
    )
    expect(await deleteMe(chat, john)).toMatchObject({ status: 403, body: { code: 'proof_required' } })
    expect(await statusOf(chat, john)).toBe('active')
  })

  test('leaves a tombstone, and the messages stay under its name', async () => {
    const { chat, call, join, john, jane, database, finished } = await start()
    await send(await join(john), 'one')
    await call('PATCH', '/api/users/me', { token: john.token, body: { display_name: 'John Doe' } })
    await deleteMe(chat, john)
    await finished()
    const user = (await database.users.findByIds([john.id])).get(john.id)
    expect(user).toMatchObject({
      username: `deleted user ${john.id}`,
      displayName: null,
      hashedPassword: null,
      status: 'deleted',
      generation: 1,
      role: 'user'
    })
    await expect
      .poll(async () => (await call('GET', '/api/chat/messages', { token: jane.token })).body)
      .toMatchObject([{ content: 'one', username: `deleted user ${john.id}`, user_id: john.id }])
    expect(await database.rooms.findByName('general')).toMatchObject({ lastSeq: 1 })
  })

  test('holds the name, regardless of case, until NAME_HOLD_DAYS have passed', async () => {
    const { chat, call, john, database, finished } = await start()
    const register = (username: string) =>
      call('POST', '/api/auth/register', { body: { username, password: PASSWORD } })
    await deleteMe(chat, john)
    await finished()
    expect(await register('jOHN')).toMatchObject({ status: 409, body: { code: 'username_taken' } })
    expect(await register(`deleted user ${john.id}`)).toMatchObject({ status: 422 })
    const [held] = await database.client.query<{ days: number; hash: string }>(
      `select hash, round(extract(epoch from until - clock_timestamp()) / 86400)::integer as days
       from ${inSchema(database, 'held_names')}`
    )
    expect(held).toEqual({ hash: expect.stringMatching(/^[0-9a-f]{64}$/), days: 90 })
    await database.client.query(
      `update ${inSchema(database, 'held_names')} set until = clock_timestamp() - interval '1 second'`
    )
    expect(await register('john')).toMatchObject({ status: 201 })
  })

  test('is not possible for the last administrator, and leaves one of two who are deleted at the same time', async () => {
    const { chat, john, jane, database } = await start()
    const promote = (ids: number[]) =>
      database.client.query(`update ${inSchema(database, 'users')} set role = 'admin' where id = any($1)`, [ids])
    await promote([john.id])
    expect(await deleteMe(chat, john)).toMatchObject({ status: 409, body: { code: 'last_admin' } })
    await promote([jane.id])
    const results = await Promise.all([deleteMe(chat, john), deleteMe(chat, jane)])
    expect(results.map(({ status }) => status).sort()).toEqual([202, 409])
  })

  test('is recorded in the audit log, without the addresses of the user', async () => {
    const { chat, john, database, finished } = await start()
    await deleteMe(chat, john, { erase: true })
    await finished()
    const events = await database.audit.list({ userId: john.id }, 10)
    expect(events[0]).toMatchObject({ event: 'account_deleted' })
    expect(events[1]).toMatchObject({ event: 'account_deletion_requested', detail: { erase: true } })
    expect(events.every(({ address, agent }) => address === null && agent === null)).toBe(true)
  })

  test('removes the rows of every table that refers to users, except those that are listed here', async () => {
    const database = await testDatabase()
    const tables = await database.client.query<{ table: string }>(
      `select distinct table_name as "table" from information_schema.columns
       where table_schema = $1 and column_name in ('user_id', 'actor_id', 'uid', 'subject')`,
      [database.schema]
    )
    // This table is kept, because a later import must find the users that an earlier import created. Otherwise, it would create
    // the deleted user again.
    const imported = ['fastapi_users']
    const kept = ['audit', 'deletions', 'identities', 'log_changes', 'messages', 'reactions', 'reports', 'revocations']
    // The deletion does not remove these rows directly. The end of a membership removes its row in `members`. Periodic jobs
    // remove the rows of the other two tables.
    const left = ['members', 'restrictions', 'ban_erasures']
    expect(tables.map(({ table }) => table).sort()).toEqual([...kept, ...imported, ...left, ...PERSONAL_TABLES].sort())
  })
})

describe('the memberships of a deleted account', () => {
  const rolesIn = async ({ client, schema }: ChatDatabase) =>
    client.query<{ name: string; userId: number; role: string }>(
      `select room.name, member.user_id as "userId", member.role from "${schema}".members as member
       join "${schema}".rooms as room on room.id = member.room_id order by room.name, member.user_id`
    )

  test('end with an entry in each room, after another member has become the owner', async () => {
    const { chat, john, jane, database, finished } = await start()
    const { create, put, as } = withRooms(chat)
    const ada = await chat.register('ada')
    const { room } = await create(john, { visibility: 'private' })
    await put(john, room, ada.id)
    await put(john, room, jane.id, { role: 'moderator' })
    await create(jane, { room: 'team' })
    await put(john, 'team', 'me')
    await create(john, { room: 'alone' })
    const direct = (await as(john, 'POST', '/api/chat/direct', { users: [jane.id] })).body.room
    await deleteMe(chat, john)
    await finished()
    const roles = await rolesIn(database)
    expect(roles).toEqual([
      { name: direct, userId: jane.id, role: 'member' },
      { name: room, userId: jane.id, role: 'owner' },
      { name: room, userId: ada.id, role: 'member' },
      { name: 'team', userId: jane.id, role: 'owner' }
    ])
    const { entries } = (await as(jane, 'GET', `/api/chat/rooms/${room}/log`)).body
    expect(entries.slice(-2)).toMatchObject([
      { type: 'membership', subject: jane.id, event: 'role_changed', role: 'owner' },
      { type: 'membership', subject: john.id, event: 'left', username: `deleted user ${john.id}` }
    ])
    expect((await as(jane, 'GET', `/api/chat/rooms/${direct}`)).status).toBe(200)
    // The service archives a room in which nobody is left who could moderate it.
    expect((await as(jane, 'GET', '/api/chat/rooms/alone')).body).toMatchObject({ archived: true })
    expect((await as(jane, 'GET', '/api/chat/rooms/team')).body).not.toHaveProperty('archived')
  })

  test('of all owners at once leave an owner, if another member remains', async () => {
    const { chat, john, jane, database, finished } = await start()
    const { create, put } = withRooms(chat)
    const ada = await chat.register('ada')
    const { room } = await create(john, { visibility: 'private' })
    await put(john, room, jane.id, { role: 'owner' })
    await put(john, room, ada.id)
    await Promise.all([deleteMe(chat, john), deleteMe(chat, jane)])
    await finished(john)
    await finished(jane)
    expect(await rolesIn(database)).toEqual([{ name: room, userId: ada.id, role: 'owner' }])
  })

  test('wait until the upgrade is finished, and do not delay the anonymization', async () => {
    const { chat, john, jane, database, clock } = await start()
    const { create, put } = withRooms(chat)
    const { room } = await create(john, { visibility: 'private' })
    await put(john, room, jane.id)
    const upgrades = inSchema(database, 'upgrades')
    await database.client.query(`delete from ${upgrades} where step = 'rooms'`)
    await deleteMe(chat, john)
    const nameOf = async () => {
      clock.advance(5000)
      return (await database.users.findByIds([john.id])).get(john.id)?.username
    }
    await expect.poll(nameOf).toBe(`deleted user ${john.id}`)
    expect(await statusOf(chat, john)).toBe('deleting')
    expect(await rolesIn(database)).toHaveLength(2)
    await database.client.query(`insert into ${upgrades} (step) values ('rooms')`)
    await expect
      .poll(async () => {
        // The process may not know yet that the upgrade is finished. Its attempt then fails, and the next attempt follows only
        // after ten seconds. Ends this delay, so that the process tries again now.
        await database.client.query(`update ${inSchema(database, 'deletions')} set leased_until = null`)
        clock.advance(5000)
        return statusOf(chat, john)
      })
      .toBe('deleted')
    expect(await rolesIn(database)).toEqual([{ name: room, userId: jane.id, role: 'owner' }])
  })
})

test('only an administrator deletes the account of another user, and nobody deletes that of the last administrator', async () => {
  const { chat, call, john, jane, database, finished } = await start()
  await database.administration.change(null, jane.id, { role: 'admin' })
  const remove = (id: number, { token }: Person) => call('DELETE', `/api/admin/users/${id}`, { token, body: {} })
  expect(await remove(jane.id, john)).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  expect(await remove(9999, jane)).toMatchObject({ status: 404, body: { code: 'user_not_found' } })
  expect(await remove(jane.id, jane)).toMatchObject({ status: 409, body: { code: 'last_admin' } })
  expect(await remove(john.id, jane)).toMatchObject({ status: 202 })
  expect(await remove(john.id, jane)).toMatchObject({ status: 404 })
  await finished()
  const [requested] = await database.audit.list({ userId: john.id, event: 'account_deletion_requested' }, 9)
  expect(requested).toMatchObject({ actorId: jane.id, detail: { erase: false } })
  expect(await statusOf(chat, jane)).toBe('active')
})

describe('the erasure of an account', () => {
  test('clears the texts in every room, and reports it once per room', async () => {
    const { chat, call, join, john, jane, database, finished } = await start()
    for (const room of ['one', 'two', 'three'])
      await call('POST', '/api/chat/rooms', { token: jane.token, body: { room } })
    const [his, hers] = [await join(john), await join(jane)]
    await send(his, SECRET, 'b')
    await send(hers, 'hello')
    his.send({ type: 'message', room: 'two', content: SECRET, ref: 'r' })
    await his.nextOf('ack')
    await deleteMe(chat, john, { erase: true })
    const erasure = await hers.nextOf('erasure')
    expect(erasure).toMatchObject({ room: 'general', seq: 4, subject: john.id, username: `deleted user ${john.id}` })
    expect(erasure).not.toHaveProperty('content')
    await finished()
    const stored = await database.client.query<{ kind: string; has: boolean }>(
      `select room.name, entry.kind, entry.user_id as "userId", entry.content is not null or entry.meta is not null
         or entry.key_id is not null as has from ${inSchema(database, 'messages')} as entry
       join ${inSchema(database, 'rooms')} as room on room.id = entry.room_id order by entry.id`
    )
    expect(stored).toEqual([
      { name: 'general', kind: 'message', userId: john.id, has: false },
      { name: 'general', kind: 'message', userId: john.id, has: false },
      { name: 'general', kind: 'message', userId: jane.id, has: true },
      { name: 'two', kind: 'message', userId: john.id, has: false },
      { name: 'general', kind: 'erasure', userId: john.id, has: false },
      { name: 'two', kind: 'erasure', userId: john.id, has: false }
    ])
    const { token } = jane
    expect((await call('GET', '/api/chat/messages', { token })).body).toMatchObject([{ content: 'hello' }])
    expect((await call('GET', '/api/chat/rooms/general/messages?after=0', { token })).body.messages).toMatchObject([
      { seq: 1, content: null, unavailable: 'erased' },
      { seq: 2, content: null, unavailable: 'erased' },
      { seq: 3, content: 'hello' },
      { type: 'erasure', seq: 4, content: null, subject: john.id }
    ])
  })

  test('clears edits and mentions too', async () => {
    const { chat, call, join, john, jane, database, finished } = await start()
    const his = await join(john)
    for (const frame of [
      { type: 'message', content: SECRET, mentions: [jane.id] },
      { type: 'edit', target: 1, content: SECRET, mentions: [jane.id] }
    ]) {
      his.send({ ...frame, ref: 'r' })
      await his.nextOf('ack')
    }
    await deleteMe(chat, john, { erase: true })
    await finished()
    const left = await database.client.query(
      `select content from ${inSchema(database, 'messages')} where content is not null
       union all select mentions::text from ${inSchema(database, 'message_state')} where mentions is not null
       union all select detail::text from ${inSchema(database, 'others')} where detail ? 'mentions'`
    )
    expect(left).toEqual([])
    const log = await call('GET', '/api/chat/rooms/general/log', { token: jane.token })
    expect(log.body.entries).toMatchObject([
      { type: 'message', content: null, unavailable: 'erased' },
      { type: 'edit', content: null, unavailable: 'erased' },
      { type: 'erasure' }
    ])
  })

  test('includes entries that were still being appended when the account ended', async () => {
    const { chat, join, john, jane, database, finished } = await start()
    await send(await join(john), 'one')
    const hers = await join(jane)
    await deleteMe(chat, john, { erase: true })
    await hers.nextOf('erasure')
    const room = await database.rooms.findByName('general')
    const late = { roomId: room?.id ?? 0, userId: john.id, writeId: 'late', kind: 'message', meta: null, keyId: 'k' }
    expect(await database.messages.append([{ ...late, content: 'late' }])).toMatchObject([{ seq: 3 }])
    await finished()
    expect(await hers.nextOf('erasure')).toMatchObject({ seq: 4 })
    expect(await database.messages.range(room?.id ?? 0, 1, 9)).toMatchObject([
      { kind: 'message', content: null },
      { kind: 'erasure' },
      { kind: 'message', content: null },
      { kind: 'erasure' }
    ])
  })

  test('cannot be sent by clients', async () => {
    const { join, john, call } = await start()
    const socket = await join(john)
    expect(socket.first.features).toContain('erasure')
    socket.send({ type: 'erasure', subject: 1, ref: 'r' })
    expect(await socket.nextOf('error')).toMatchObject({ code: 'unknown_frame', ref: 'r' })
    const { body } = await call('GET', '/asyncapi.json')
    expect(Object.keys(body.channels.chat.messages)).toContain('service-erasure')
    expect(Object.keys(body.channels.chat.messages)).not.toContain('client-erasure')
  })

  test('is the default with ON_DELETE=erase', async () => {
    const chat = await startChat({ settings: { onDelete: 'erase' } })
    const [john, jane] = [await chat.register('john'), await chat.register('jane')]
    await send(await chat.join(john), 'one')
    const hers = await chat.join(jane)
    await deleteMe(chat, john, { erase: false })
    expect(await hers.nextOf('erasure')).toMatchObject({ seq: 2 })
  })

  test('waits until no process of an older release runs, but the rest of the deletion does not wait', async () => {
    const { chat, clock, join, john, jane, database } = await start()
    await send(await join(john), 'one')
    const hers = await join(jane)
    await database.client.query(`delete from ${inSchema(database, 'upgrades')}`)
    await deleteMe(chat, john, { erase: true })
    const room = await database.rooms.findByName('general')
    await expect
      .poll(async () => (await database.messages.range(room?.id ?? 0, 1, 1))[0]?.username)
      .toBe(`deleted user ${john.id}`)
    clock.advance(5000)
    expect(await database.messages.range(room?.id ?? 0, 1, 9)).toMatchObject([{ content: expect.any(String) }])
    await database.client.query(`insert into ${inSchema(database, 'upgrades')} (step) values ('kinds')`)
    clock.advance(5000)
    expect(await hers.nextOf('erasure')).toMatchObject({ seq: 2 })
  })
})
