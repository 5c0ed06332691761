/** Tests the routes that list, create and change rooms. */
import { expect, test } from 'vitest'
import { withRooms } from '../support/rooms.ts'
import { type Person, startChat } from '../support/start-chat.ts'

const ROOMS = '/api/chat/rooms'

const start = async () => {
  const chat = await startChat({ settings: { messageRateLimit: 0, readRateLimit: 0 } })
  const [ann, bob] = [await chat.register('ann'), await chat.register('bob')]
  const as = ({ token }: Person, method: string, path: string, body?: unknown) =>
    chat.call(method, path, { token, ...(body === undefined ? {} : { body }) })
  const create = async (person: Person, body: object) => (await as(person, 'POST', ROOMS, body)).body
  const names = async (person: Person, query = '') => {
    const { body } = await as(person, 'GET', `${ROOMS}${query}`)
    return body.rooms.map(({ room }: { room: string }) => room)
  }
  return { ...chat, ann, bob, as, create, names }
}

test('creates a public room, whose owner is the user', async () => {
  const { ann, bob, as, create } = await start()
  const room = await create(ann, { room: 'team', title: 'Team', topic: 'Plans' })
  expect(room).toEqual({
    room: 'team',
    title: 'Team',
    topic: 'Plans',
    visibility: 'public',
    role: 'owner',
    epoch: expect.any(String),
    oldest: 1,
    seq: 0
  })
  expect((await as(ann, 'GET', `${ROOMS}/team`)).body).toEqual(room)
  const { role: _, ...unjoined } = room
  expect((await as(bob, 'GET', `${ROOMS}/team`)).body).toEqual(unjoined)
  expect(await as(bob, 'POST', ROOMS, { room: 'team' })).toMatchObject({ status: 409, body: { code: 'room_taken' } })
})

test('creates a private room under a name that the service generates, and shows it only to its members', async () => {
  const { ann, bob, as, create, names } = await start()
  const one = await create(ann, { visibility: 'private', title: 'One' })
  const two = await create(ann, { visibility: 'private' })
  expect(one).toMatchObject({ visibility: 'private', title: 'One', topic: null, role: 'owner' })
  expect(one.room).toMatch(/^p\.[a-z2-7]{26}$/)
  expect(two.room).not.toBe(one.room)
  expect((await as(ann, 'GET', `${ROOMS}/${one.room}`)).body).toEqual(one)
  expect(await names(ann)).toEqual(['general', ...[one.room, two.room].sort()])
  expect(await names(bob)).toEqual(['general'])
  const absent = await as(bob, 'GET', `${ROOMS}/p.absent`)
  const denied = await as(bob, 'GET', `${ROOMS}/${one.room}`)
  expect({ ...denied.body, instance: '' }).toEqual({ ...absent.body, instance: '' })
  expect(denied.status).toBe(404)
})

test('requires a name for a public room, and refuses one for a private room', async () => {
  const { ann, as } = await start()
  const none = await as(ann, 'POST', ROOMS, { title: 'Team' })
  expect(none).toMatchObject({ status: 422, body: { code: 'validation_failed', errors: [{ path: '/body/room' }] } })
  const named = await as(ann, 'POST', ROOMS, { room: 'team', visibility: 'private' })
  expect(named).toMatchObject({ status: 422, body: { errors: [{ path: '/body/room' }] } })
  for (const body of [
    { room: 'x', visibility: 'direct' },
    { room: 'x', topic: '\u200b' },
    { room: 'x', topic: 'a\nb' },
    { room: 'x', topic: 'x'.repeat(1001) }
  ]) {
    expect((await as(ann, 'POST', ROOMS, body)).status).toBe(422)
  }
})

test('does not reveal to somebody who knows the name of a private room that it exists', async () => {
  const { ann, bob, as, database } = await start()
  // Creates the room in the database, because the routes do not allow a client to choose the name of a private room.
  await database.rooms.create({ name: 'team', title: null, visibility: 'private', owner: ann.id })
  expect(await as(bob, 'POST', ROOMS, { room: 'team' })).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
})

test('changes the title and the topic of a room, for its owner, with an entry in the log', async () => {
  const { ann, bob, as, create, join } = await start()
  await create(ann, { room: 'team', title: 'Team' })
  const reader = await join(bob, {}, '?rooms=team')
  await reader.nextOf('subscribed')
  const changed = await as(ann, 'PATCH', `${ROOMS}/team`, { title: null, topic: 'Plans' })
  expect(changed).toMatchObject({ status: 200, body: { title: null, topic: 'Plans', role: 'owner', seq: 1 } })
  expect(await reader.nextOf('room')).toMatchObject({
    room: 'team',
    seq: 1,
    user_id: ann.id,
    title: null,
    topic: 'Plans'
  })
  expect((await as(bob, 'GET', `${ROOMS}/team`)).body).toMatchObject({ title: null, topic: 'Plans' })
  const second = await as(ann, 'PATCH', `${ROOMS}/team`, { title: 'Crew' })
  expect(second.body).toMatchObject({ title: 'Crew', topic: 'Plans', seq: 2 })
  const refused = await as(bob, 'PATCH', `${ROOMS}/team`, { title: 'Bob' })
  expect(refused).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  const { room } = await create(ann, { visibility: 'private' })
  expect(await as(bob, 'PATCH', `${ROOMS}/${room}`, { title: 'Bob' })).toMatchObject({
    status: 404,
    body: { code: 'room_not_found' }
  })
})

test('appends no entry for a change that changes nothing', async () => {
  const { ann, as, create } = await start()
  await create(ann, { room: 'team', title: 'Team' })
  await as(ann, 'PATCH', `${ROOMS}/team`, { topic: 'Plans' })
  expect(await as(ann, 'PATCH', `${ROOMS}/team`, { title: 'Team', topic: 'Plans' })).toMatchObject({
    status: 200,
    body: { topic: 'Plans', seq: 1 }
  })
})

test('refuses a change that has no known field, or an unknown one', async () => {
  const { ann, as, create } = await start()
  await create(ann, { room: 'team' })
  for (const body of [{}, { visibility: 'private' }, { title: 'x', visibility: 'private' }, { title: '' }]) {
    expect((await as(ann, 'PATCH', `${ROOMS}/team`, body)).status).toBe(422)
  }
})

test('lists only the rooms of which the user is a member, with `mine`', async () => {
  const { ann, bob, create, names, as } = await start()
  await create(ann, { room: 'b-team' })
  await create(bob, { room: 'a-team' })
  const { room } = await create(ann, { visibility: 'private' })
  expect(await names(ann, '?mine=true')).toEqual(['b-team', room])
  expect(await names(bob, '?mine=true')).toEqual(['a-team'])
  expect(await names(ann, '?mine=false')).toEqual(['a-team', 'b-team', 'general', room])
  const first = (await as(ann, 'GET', `${ROOMS}?mine=true&limit=1`)).body
  expect(first).toMatchObject({ rooms: [{ room: 'b-team', role: 'owner' }], has_more: true, next: 'b-team' })
  expect(await names(ann, `?mine=true&limit=1&after=${first.next}`)).toEqual([room])
})

test('finds rooms by a part of the name or of the title, in any case and without wildcards', async () => {
  const { ann, bob, create, names } = await start()
  await create(ann, { room: 'one', title: 'Größe 100%' })
  await create(ann, { room: 'two', title: 'a_b' })
  const { room } = await create(ann, { visibility: 'private', title: 'One more' })
  expect(await names(ann, '?query=ONE')).toEqual(['one', room])
  expect(await names(bob, '?query=ONE')).toEqual(['one'])
  expect(await names(ann, '?query=100%25')).toEqual(['one'])
  expect(await names(ann, '?query=%25')).toEqual(['one'])
  expect(await names(ann, '?query=_')).toEqual(['two'])
  expect(await names(ann, '?query=one&mine=true')).toEqual(['one', room])
  expect(await names(ann, '?query=absent')).toEqual([])
})

test('searches at most 1,000 rooms per page, and continues with `next`', async () => {
  const { ann, as, database } = await start()
  await database.client.query(
    `insert into "${database.schema}".rooms (name, title)
     select 'room-' || lpad(n::text, 5, '0'), case when n = 2500 then 'Needle' end from generate_series(1, 3000) as n`
  )
  const found: string[] = []
  let pages = 0
  for (let after = ''; ; pages++) {
    const { body } = await as(ann, 'GET', `${ROOMS}?query=needle&after=${encodeURIComponent(after)}`)
    found.push(...body.rooms.map(({ room }: { room: string }) => room))
    expect(body.has_more).toBe(body.next !== undefined)
    if (!body.has_more) break
    after = body.next
  }
  expect(found).toEqual(['room-02500'])
  expect(pages).toBe(3)
})

test('limits changes of rooms to 30 per minute per user', async () => {
  const { ann, bob, as, create } = await start()
  await create(ann, { room: 'team' })
  await create(bob, { room: 'crew' })
  for (let at = 0; at < 30; at++) expect((await as(ann, 'PATCH', `${ROOMS}/team`, { title: `${at}` })).status).toBe(200)
  expect(await as(ann, 'PATCH', `${ROOMS}/team`, { title: 'x' })).toMatchObject({
    status: 429,
    body: { code: 'rate_limited' }
  })
  expect((await as(bob, 'PATCH', `${ROOMS}/crew`, { title: 'x' })).status).toBe(200)
})

test('refuses a new room for a member of 1,000 rooms, but not for the host application', async () => {
  const { ann, as, database, ...chat } = await start()
  const { fillRooms } = withRooms({ ...chat, database })
  await fillRooms(ann, 999)
  expect((await as(ann, 'POST', ROOMS, { room: 'last' })).status).toBe(201)
  for (const body of [{ room: 'more' }, { visibility: 'private' }]) {
    expect(await as(ann, 'POST', ROOMS, body)).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  }
  expect(await database.rooms.findByName('more')).toBeUndefined()
  expect(await database.rooms.create({ name: 'more', title: null })).toMatchObject({ name: 'more' })
})

test('returns at most 1 MiB of rooms per page, and continues with `next`', async () => {
  const { ann, as, database, names } = await start()
  await database.client.query(
    `insert into "${database.schema}".rooms (name, title, topic)
     select 'room-' || lpad(n::text, 5, '0'), repeat('"', 200), repeat('😀', 1000) from generate_series(1, 500) as n`
  )
  const seen: string[] = []
  for (let after = ''; ; ) {
    const { body } = await as(ann, 'GET', `${ROOMS}?limit=1000&after=${after}`)
    expect(Buffer.byteLength(JSON.stringify(body))).toBeLessThan(2 ** 20 + 10_000)
    seen.push(...body.rooms.map(({ room }: { room: string }) => room))
    if (!body.has_more) break
    after = body.next
  }
  expect(seen).toHaveLength(501)
  expect(new Set(seen).size).toBe(501)
  expect(await names(ann, '?limit=3')).toEqual(['general', 'room-00001', 'room-00002'])
})
