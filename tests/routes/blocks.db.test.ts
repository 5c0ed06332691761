/** Tests the routes of blocked users, and what a block prevents. */
import { expect, test } from 'vitest'
import { fakeClock } from '../support/clock.ts'
import { testDatabase } from '../support/database.ts'
import { recordedQueries, recordQueries } from '../support/plans.ts'
import { ROOMS, seen, startRooms } from '../support/rooms.ts'
import type { Person, StartOptions } from '../support/start-chat.ts'

const MINE = '/api/users/me/blocks'

const start = async (options?: StartOptions) => {
  const chat = await startRooms(['ann', 'bob', 'cat', 'dan'], options)
  const { as } = chat
  const block = (person: Person, id: number) => as(person, 'PUT', `${MINE}/${id}`)
  const unblock = (person: Person, id: number) => as(person, 'DELETE', `${MINE}/${id}`)
  const direct = (person: Person, ...users: number[]) => as(person, 'POST', '/api/chat/direct', { users })
  const post = (person: Person, room: string) => as(person, 'POST', `${ROOMS}/${room}/messages`, { content: 'hi' })
  return { ...chat, block, unblock, direct, post }
}

test('a user blocks others, lists them with the newest first, and removes the blocks', async () => {
  const { people, block, unblock, as } = await start()
  const [ann, bob, cat] = people
  for (const id of [bob.id, cat.id, bob.id]) expect((await block(ann, id)).status).toBe(204)
  expect((await as(ann, 'GET', MINE)).body).toEqual({
    blocks: [
      { user_id: cat.id, username: 'cat', created_at: expect.stringMatching(/\+00:00$/) },
      { user_id: bob.id, username: 'bob', created_at: expect.any(String) }
    ]
  })
  expect((await as(bob, 'GET', MINE)).body).toEqual({ blocks: [] })
  for (let times = 0; times < 2; times++) expect((await unblock(ann, cat.id)).status).toBe(204)
  expect((await as(ann, 'GET', MINE)).body.blocks).toMatchObject([{ user_id: bob.id }])
})

test('unknown users, and oneself, cannot be blocked', async () => {
  const { people, block } = await start()
  const [ann] = people
  expect(await block(ann, 1_000_000)).toMatchObject({ status: 404, body: { code: 'user_not_found' } })
  expect(await block(ann, ann.id)).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  expect((await block(ann, 2 ** 31)).status).toBe(422)
})

test('in a direct room of two, a block prevents both users from posting, editing and reacting, but not from deleting', async () => {
  const { people, block, unblock, direct, post, as } = await start()
  const [ann, bob] = people
  const { room } = (await direct(ann, bob.id)).body
  const { seq } = (await post(bob, room)).body
  await block(ann, bob.id)
  const refused = { status: 403, body: { code: 'not_allowed' } }
  for (const person of [ann, bob]) {
    expect(await post(person, room)).toMatchObject(refused)
    expect(await as(person, 'PUT', `${ROOMS}/${room}/messages/${seq}/reactions/ok`)).toMatchObject(refused)
    expect((await as(person, 'GET', `${ROOMS}/${room}/messages`)).status).toBe(200)
  }
  expect(await as(bob, 'PATCH', `${ROOMS}/${room}/messages/${seq}`, { content: 'x' })).toMatchObject(refused)
  expect((await as(bob, 'DELETE', `${ROOMS}/${room}/messages/${seq}`)).status).toBe(201)
  await block(bob, ann.id)
  await unblock(ann, bob.id)
  expect(await post(ann, room)).toMatchObject(refused)
  await unblock(bob, ann.id)
  expect((await post(ann, room)).status).toBe(201)
})

test('a block changes nothing in rooms of more people', async () => {
  const { people, block, direct, post, create, put } = await start()
  const [ann, bob, cat] = people
  const { room: ofThree } = (await direct(ann, bob.id, cat.id)).body
  const { room } = await create(ann, { visibility: 'private' })
  await put(ann, room, bob.id)
  await block(ann, bob.id)
  for (const name of [ofThree, room, 'general']) {
    expect((await post(bob, name)).status, name).toBe(201)
    expect((await post(ann, name)).status, name).toBe(201)
  }
  // Even if a member has blocked the owner, the owner can change the role of the member.
  await block(bob, ann.id)
  expect((await put(ann, room, bob.id, { role: 'moderator' })).status).toBe(200)
})

test('a blocked user cannot add the user who blocked them to a room, and the response and its cost are those of an unknown user', async () => {
  const database = await testDatabase()
  recordQueries(database.client)
  const { people, block, create, put, as, sql } = await start({ database, clock: fakeClock(Date.now()) }).then(
    chat => ({
      ...chat,
      sql: (text: string) => database.client.query(text.replaceAll('@', `"${database.schema}".`))
    })
  )
  const [ann, bob, cat, dan] = people
  const { room } = await create(bob, { visibility: 'private' })
  await put(bob, room, cat.id)
  await block(ann, bob.id)
  await sql(`update @users set status = 'deleted' where id = ${dan.id}`)
  await as(bob, 'GET', '/api/users/me')
  const costOf = async (work: () => ReturnType<typeof put>) => {
    const before = recordedQueries()
    return { ...seen(await work()), queries: recordedQueries() - before }
  }
  const unknown = await costOf(() => put(bob, room, 1_000_000))
  expect(unknown).toMatchObject({ status: 404, body: { code: 'user_not_found' } })
  expect(await costOf(() => put(bob, room, ann.id))).toEqual(unknown)
  expect(await costOf(() => put(bob, room, dan.id))).toEqual(unknown)
  expect((await put(cat, room, ann.id)).status).toBe(200)

  const open = (...users: number[]) => as(bob, 'POST', '/api/chat/direct', { users })
  const refused = await costOf(() => open(1_000_000))
  expect(refused).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  expect(await costOf(() => open(ann.id))).toEqual(refused)
  expect(await costOf(() => open(dan.id))).toEqual(refused)
  expect(await costOf(() => open(ann.id, cat.id))).toEqual(refused)
})

test('a blocked user cannot open the direct room that exists, and the user who blocked them can', async () => {
  const { people, block, direct } = await start()
  const [ann, bob] = people
  const { room } = (await direct(bob, ann.id)).body
  await block(ann, bob.id)
  expect(await direct(bob, ann.id)).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  expect(await direct(ann, bob.id)).toMatchObject({ status: 200, body: { room } })
})

test('a user can block at most 1,000 users', async () => {
  const { people, block, database } = await start()
  const [ann, bob] = people
  await database.client.query(
    `insert into "${database.schema}".blocks (user_id, blocked_id) select ${ann.id}, n from generate_series(10001, 11000) as n`
  )
  expect(await block(ann, bob.id)).toMatchObject({ status: 409, body: { code: 'too_many_blocks' } })
})

test('the deletion of an account removes the blocks by the account and of the account', async () => {
  const { people, block, as, database } = await start()
  const [ann, bob, cat] = people
  await block(ann, bob.id)
  await block(bob, ann.id)
  await block(bob, cat.id)
  await as(ann, 'POST', '/api/auth/proof', { password: 'SecurePass123' })
  expect((await as(ann, 'DELETE', '/api/users/me')).status).toBe(202)
  const rows = () => database.client.query(`select user_id, blocked_id from "${database.schema}".blocks`)
  await expect.poll(rows).toEqual([{ user_id: bob.id, blocked_id: cat.id }])
})

test('in a direct room of two with a block, neither side learns that the other types or has read', async () => {
  const clock = fakeClock()
  const { people, block, unblock, direct, post, join, as } = await start({ clock })
  const [ann, bob] = people
  const { room } = (await direct(ann, bob.id)).body
  const { seq } = (await post(ann, room)).body
  const sockets = [await join(ann), await join(ann), await join(bob)] as const
  const [phone, laptop, other] = sockets
  for (const socket of sockets) {
    socket.send({ type: 'subscribe', room })
    while ((await socket.nextOf('subscribed')).room !== room);
    socket.send({ type: 'read', room, up_to: 0 })
    await socket.untilPong()
  }
  const members = async (person: Person): Promise<object> => (await as(person, 'GET', `${ROOMS}/${room}/members`)).body
  await block(ann, bob.id)

  for (const socket of [phone, other]) {
    socket.send({ type: 'typing', room })
    expect(await socket.nextOf('error')).toMatchObject({ code: 'not_allowed', room })
  }
  await as(bob, 'PUT', `${ROOMS}/${room}/read`, { up_to: seq })
  clock.advance(1000)
  expect(await other.nextOf('read')).toMatchObject({ room, reads: [{ user_id: bob.id, read_seq: seq }] })
  expect(await members(ann)).toMatchObject({
    members: [{ read_seq: expect.any(Number) }, expect.not.objectContaining({ read_seq: expect.anything() })]
  })
  expect((await phone.untilPong()).filter(({ type }) => type === 'read' || type === 'typing')).toEqual([])

  await unblock(ann, bob.id)
  clock.advance(1000)
  other.send({ type: 'typing', room })
  expect(await laptop.nextOf('typing')).toMatchObject({ user_id: bob.id })
  expect(await members(ann)).toMatchObject({ members: [{ user_id: ann.id }, { read_seq: seq }] })
})
