/** Tests the routes that mute and ban users, and that archive and delete rooms. Also tests what a restricted user sees. */
import { expect, test } from 'vitest'
import { ROOMS, startRooms } from '../support/rooms.ts'
import type { SocketClient } from '../support/socket-client.ts'
import type { Person } from '../support/start-chat.ts'

const NAMES = ['ann', 'bob', 'cat', 'dan']

/** Returns the frames that have arrived, without the `system` frames about users who join or leave. */
const logOf = async (socket: SocketClient) => (await socket.untilPong()).filter(({ type }) => type !== 'system')

const start = async (room: object = { room: 'team' }) => {
  const chat = await startRooms(NAMES)
  const [ann, bob, cat, dan] = chat.people
  const { room: name } = await chat.create(ann, room)
  await chat.put(ann, name, bob.id, { role: 'moderator' })
  await chat.put(ann, name, cat.id)
  const path = `${ROOMS}/${name}`
  const post = async (person: typeof ann, content = 'hello') => chat.as(person, 'POST', `${path}/messages`, { content })
  return { ...chat, ann, bob, cat, dan, name, path, post }
}

test.for([
  ['\u200b', 'must have a visible character'],
  ['a\u202eb', 'must have no line separators or bidirectional controls'],
  ['a\u2028b', 'must have no line separators or bidirectional controls'],
  ['a\u0085b', 'must have no control characters']
] as const)('a mute or a ban cannot have the reason %j', async ([reason, rule]) => {
  const { as, bob, cat, path } = await start()
  for (const list of ['mutes', 'bans']) {
    expect(await as(bob, 'PUT', `${path}/${list}/${cat.id}`, { reason })).toMatchObject({
      status: 422,
      body: { errors: [{ path: '/body/reason', message: `Reason ${rule}.` }] }
    })
  }
})

test('a moderator mutes a member, who may still read, until the mute is ended', async () => {
  const { as, bob, cat, path, post } = await start()
  const until = '2099-01-31T12:00:00.123+00:00'
  expect(await as(bob, 'PUT', `${path}/mutes/${cat.id}`, { until, reason: 'too loud' })).toMatchObject({ status: 204 })
  expect(await post(cat)).toMatchObject({ status: 403, body: { code: 'muted', until } })
  const { entries } = (await as(cat, 'GET', `${path}/log`)).body
  expect(entries.at(-1)).toMatchObject({
    type: 'membership',
    user_id: bob.id,
    subject: cat.id,
    event: 'muted',
    until,
    reason: 'too loud'
  })
  expect((await as(bob, 'GET', `${path}/restrictions`)).body).toEqual({
    room: 'team',
    restrictions: [
      {
        user_id: cat.id,
        username: 'cat',
        kind: 'mute',
        until,
        reason: 'too loud',
        by: bob.id,
        created_at: expect.any(String)
      }
    ],
    has_more: false
  })
  expect(await as(cat, 'GET', `${path}/restrictions`)).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  expect((await as(bob, 'DELETE', `${path}/mutes/${cat.id}`)).status).toBe(204)
  expect(await as(bob, 'DELETE', `${path}/mutes/${cat.id}`)).toMatchObject({
    status: 404,
    body: { code: 'user_not_found' }
  })
  expect((await post(cat)).status).toBe(201)
})

test('a user who is banned from a public room may not read, join or post', async () => {
  const { as, bob, cat, path, post, put, name, roles, ann } = await start()
  expect(await as(bob, 'PUT', `${path}/bans/${cat.id}`)).toMatchObject({ status: 204 })
  const banned = { status: 403, body: { code: 'banned' } }
  for (const part of ['', '/messages', '/log', '/members', '/presence', '/restrictions'])
    expect(await as(cat, 'GET', `${path}${part}`)).toMatchObject(banned)
  expect(await post(cat)).toMatchObject(banned)
  expect(await put(cat, name, 'me')).toMatchObject(banned)
  expect(await put(bob, name, cat.id)).toMatchObject(banned)
  expect(await roles(ann, name)).toEqual({ ann: 'owner', bob: 'moderator' })
  expect((await as(bob, 'DELETE', `${path}/bans/${cat.id}`)).status).toBe(204)
  expect((await put(cat, name, 'me')).status).toBe(200)
})

test('a private room looks absent to a banned user', async () => {
  const { as, bob, cat, path, post, put, name } = await start({ visibility: 'private' })
  await as(bob, 'PUT', `${path}/bans/${cat.id}`, { reason: 'advertising' })
  const absent = { status: 404, body: { code: 'room_not_found' } }
  for (const part of ['', '/messages', '/restrictions'])
    expect(await as(cat, 'GET', `${path}${part}`)).toMatchObject(absent)
  expect(await post(cat)).toMatchObject(absent)
  expect(await put(bob, name, cat.id)).toMatchObject({ status: 403, body: { code: 'banned' } })
})

test('nobody restricts a user with the same or a higher role, or restricts without being a moderator', async () => {
  const { as, ann, bob, cat, dan, path } = await start()
  const denied = { status: 403, body: { code: 'not_allowed' } }
  expect(await as(bob, 'PUT', `${path}/bans/${ann.id}`)).toMatchObject(denied)
  expect(await as(bob, 'PUT', `${path}/mutes/${bob.id}`)).toMatchObject(denied)
  expect(await as(cat, 'PUT', `${path}/mutes/${dan.id}`)).toMatchObject(denied)
  expect(await as(dan, 'DELETE', `${path}/bans/${cat.id}`)).toMatchObject(denied)
  expect(await as(bob, 'PUT', `${path}/bans/999999`)).toMatchObject({ status: 404, body: { code: 'user_not_found' } })
  const past = { until: '2020-01-31T12:00:00.123+00:00' }
  expect(await as(bob, 'PUT', `${path}/mutes/${cat.id}`, past)).toMatchObject({
    status: 422,
    body: { errors: [{ path: '/body/until' }] }
  })
})

test('the subscriptions of a banned user end at the entry of the ban, and a client without the subprotocol gets one error', async () => {
  const { as, ann, bob, cat, join, promote } = await start()
  await promote(ann)
  const modern = await join(cat, { protocols: ['chat.v1'] })
  const floor = await join(cat)
  const other = await join(bob)
  await as(ann, 'PUT', `${ROOMS}/general/bans/${cat.id}`)
  other.send({ type: 'message', content: 'after' })
  await other.nextOf('message')
  expect((await logOf(modern)).map(({ type, event, reason }) => [type, event ?? reason])).toEqual([
    ['membership', 'banned'],
    ['unsubscribed', 'banned']
  ])
  expect((await logOf(floor)).map(({ type, event, code }) => [type, event ?? code])).toEqual([
    ['membership', 'banned'],
    ['error', 'banned']
  ])
  modern.send({ type: 'subscribe', room: 'general', ref: 's' })
  expect(await modern.nextOf('error')).toMatchObject({ code: 'banned', ref: 's' })
  floor.send({ type: 'message', content: 'still here' })
  expect(await floor.nextOf('error')).toMatchObject({ code: 'banned' })
})

test('a muted user may not type', async () => {
  const { as, bob, cat, path, join } = await start()
  await as(bob, 'PUT', `${path}/mutes/${cat.id}`)
  const socket = await join(cat)
  socket.send({ type: 'subscribe', room: 'team', ref: 's' })
  await socket.nextOf('subscribed')
  socket.send({ type: 'typing', room: 'team', ref: 't' })
  expect(await socket.nextOf('error')).toMatchObject({ code: 'muted', ref: 't' })
})

test('slow mode refuses the second message, and says how long to wait', async () => {
  const { as, bob, cat, path, post } = await start()
  expect((await as(bob, 'PATCH', path, { slow_mode_seconds: 30 })).body).toMatchObject({ slow_mode_seconds: 30 })
  expect((await post(cat)).status).toBe(201)
  const refused = await post(cat)
  expect(refused).toMatchObject({ status: 429, body: { code: 'slow_mode' } })
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(20)
  expect((await post(bob)).status).toBe(201)
  expect((await as(bob, 'PATCH', path, { title: 'New' })).status).toBe(403)
  expect((await as(bob, 'PATCH', path, { slow_mode_seconds: 0 })).body).not.toHaveProperty('slow_mode_seconds')
  expect((await post(cat)).status).toBe(201)
})

test('an archived room can be read, and refuses everything else until an owner ends the archive', async () => {
  const { as, ann, cat, dan, path, post, put, name } = await start()
  expect((await as(ann, 'PATCH', path, { archived: true })).body).toMatchObject({ archived: true })
  const archived = { status: 409, body: { code: 'room_archived' } }
  expect(await post(cat)).toMatchObject(archived)
  expect(await put(dan, name, 'me')).toMatchObject(archived)
  expect(await as(ann, 'PATCH', path, { title: 'New' })).toMatchObject(archived)
  expect((await as(cat, 'GET', `${path}/messages`)).status).toBe(200)
  expect((await as(ann, 'PATCH', path, { archived: false })).body).not.toHaveProperty('archived')
  expect((await post(cat)).status).toBe(201)
})

test('a deleted room is gone at once, and its subscriptions end', async () => {
  const { as, ann, bob, cat, path, post, name, join, create, database } = await start()
  const socket = await join(cat)
  socket.send({ type: 'subscribe', room: name, ref: 's' })
  await socket.nextOf('subscribed')
  expect(await as(bob, 'DELETE', path)).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  expect((await as(ann, 'DELETE', path)).status).toBe(204)
  expect(await socket.nextOf('unsubscribed')).toMatchObject({ room: name, reason: 'deleted' })
  const absent = { status: 404, body: { code: 'room_not_found' } }
  for (const person of [ann, bob, cat]) expect(await as(person, 'GET', path)).toMatchObject(absent)
  expect(await as(ann, 'DELETE', path)).toMatchObject(absent)
  expect(await post(ann)).toMatchObject(absent)
  const { rooms } = (await as(ann, 'GET', ROOMS)).body
  expect(rooms.map((one: { room: string }) => one.room)).not.toContain(name)
  await expect
    .poll(() => database.client.query(`select 1 from "${database.schema}".rooms where name = $1`, [name]))
    .toEqual([])
  expect(await create(bob, { room: name })).toMatchObject({ room: name, role: 'owner', seq: 0 })
  expect(await as(ann, 'DELETE', `${ROOMS}/general`)).toMatchObject({ status: 403 })
})

test('a ban with "erase" deletes the messages of the last hours with ordinary deletions', async () => {
  const { as, ann, bob, cat, path, post, database } = await start()
  const posted = []
  for (const text of ['old', 'one', 'two']) posted.push((await post(cat, text)).body.seq)
  await post(ann, 'kept')
  await database.client.query(
    `update "${database.schema}".messages set created_at = created_at - interval '2 hours' where seq = $1`,
    [posted[0]]
  )
  await as(bob, 'PUT', `${path}/bans/${cat.id}`, { erase: 1 })
  const contents = async () =>
    (await as(ann, 'GET', `${path}/messages`)).body.messages.map((one: { content: string | null }) => one.content)
  await expect.poll(contents).toEqual(['old', null, null, 'kept'])
  const { entries } = (await as(ann, 'GET', `${path}/log`)).body
  expect(entries.filter(({ type }: { type: string }) => type === 'deletion')).toMatchObject([
    { user_id: bob.id, target: posted[2] },
    { user_id: bob.id, target: posted[1] }
  ])
  await expect.poll(() => database.client.query(`select 1 from "${database.schema}".ban_erasures`)).toEqual([])
})

test('a host application decides who deletes messages of others if its authorize handles the action moderate', async () => {
  const asked: string[] = []
  const { people, as, create, put, join } = await startRooms(['ann', 'bob', 'cat'], {
    authorizeActions: ['moderate'],
    authorize: ({ user, action }) => {
      if (action === 'moderate') asked.push(user.name)
      return action !== 'moderate' || user.name === 'ann'
    }
  })
  const [ann, bob, cat] = people
  const { room } = await create(ann, { room: 'team' })
  for (const { id } of [bob, cat]) await put(ann, room, id)
  await put(ann, room, bob.id, { role: 'moderator' })
  const post = async (person: Person) =>
    `${ROOMS}/${room}/messages/${(await as(person, 'POST', `${ROOMS}/${room}/messages`, { content: 'x' })).body.seq}`
  const [one, two, three] = [await post(cat), await post(bob), await post(cat)]
  asked.length = 0
  expect(await as(bob, 'DELETE', one)).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  const socket = await join(bob)
  socket.send({ type: 'delete', room, target: Number(one.split('/').at(-1)), ref: 'r' })
  expect(await socket.nextOf('error')).toMatchObject({ code: 'not_allowed', ref: 'r' })
  expect(asked).toEqual(['bob', 'bob'])
  expect((await as(ann, 'DELETE', one)).status).toBe(201)
  // `authorize` is not called if users delete their own messages.
  expect((await as(bob, 'DELETE', two)).status).toBe(201)
  expect((await as(cat, 'DELETE', three)).status).toBe(201)
  expect(asked).toEqual(['bob', 'bob', 'ann'])
  expect((await as(ann, 'DELETE', `${ROOMS}/${room}/messages/999`)).body.code).toBe('message_not_found')
})
