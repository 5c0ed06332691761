/** Tests direct rooms and the search for users. */
import { expect, test } from 'vitest'
import { ROOMS, seen, startRooms } from '../support/rooms.ts'
import type { Person } from '../support/start-chat.ts'

const start = async (settings = {}) => {
  const chat = await startRooms(['ann', 'bob', 'cat', 'dan'], { settings })
  const open = (person: Person, users: number[]) => chat.as(person, 'POST', '/api/chat/direct', { users })
  const search = async (person: Person, query: string) => {
    const { body } = await chat.as(person, 'GET', `/api/users?query=${encodeURIComponent(query)}`)
    return body.users.map(({ username }: { username: string }) => username)
  }
  return { ...chat, open, search }
}

test('opens one direct room per set of people, whoever opens it', async () => {
  const {
    people: [ann, bob, cat],
    open,
    roles,
    as
  } = await start()
  const created = await open(ann, [bob.id])
  expect(created).toMatchObject({ status: 201, body: { visibility: 'direct', title: null, role: 'member', seq: 0 } })
  expect(created.body.room).toMatch(/^d\.[a-z2-7]{26}$/)
  expect(await open(ann, [bob.id, ann.id, bob.id])).toMatchObject({ status: 200, body: created.body })
  expect(await open(bob, [ann.id])).toMatchObject({ status: 200, body: created.body })
  expect(await roles(bob, created.body.room)).toEqual({ ann: 'member', bob: 'member' })
  const three = await open(bob, [cat.id, ann.id])
  expect(three.status).toBe(201)
  expect(three.body.room).not.toBe(created.body.room)
  expect((await as(cat, 'GET', `${ROOMS}/${created.body.room}`)).status).toBe(404)
})

test('the people of a direct room post in it, and nobody changes them', async () => {
  const {
    people: [ann, bob, cat],
    open,
    put,
    remove,
    as
  } = await start()
  const { room } = (await open(ann, [bob.id])).body
  expect((await as(bob, 'POST', `${ROOMS}/${room}/messages`, { content: 'hi' })).status).toBe(201)
  const refused = { status: 403, body: { code: 'not_allowed' } }
  expect(await put(ann, room, cat.id)).toMatchObject(refused)
  expect(await remove(ann, room, 'me')).toMatchObject(refused)
  expect(await remove(ann, room, bob.id)).toMatchObject(refused)
  expect(await put(ann, room, bob.id, { role: 'owner' })).toMatchObject(refused)
  expect(await as(ann, 'PATCH', `${ROOMS}/${room}`, { title: 'x' })).toMatchObject(refused)
  expect(await as(cat, 'POST', `${ROOMS}/${room}/messages`, { content: 'hi' })).toMatchObject({
    status: 404,
    body: { code: 'room_not_found' }
  })
})

test('refuses unknown, deleted and suspended people with the same response', async () => {
  const {
    people: [ann, bob, cat, dan],
    open,
    database
  } = await start()
  await open(ann, [bob.id])
  const { client, schema } = database
  await client.query(`update "${schema}".users set status = 'suspended' where id = any($1)`, [[bob.id, cat.id]])
  await client.query(`update "${schema}".users set status = 'deleted' where id = $1`, [dan.id])
  const unknown = await open(ann, [1_000_000])
  expect(unknown).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  for (const id of [bob.id, cat.id, dan.id]) expect(seen(await open(ann, [id]))).toEqual(seen(unknown))
  expect(await client.query(`select from "${schema}".rooms where visibility = 'direct'`)).toHaveLength(1)
})

test('needs between one and seven other people', async () => {
  const {
    people: [ann, bob],
    open,
    database
  } = await start()
  const others: number[] = []
  for (let at = 0; at < 8; at++) {
    others.push((await database.users.create({ username: `user-${at}`, hashedPassword: null })).id)
  }
  expect((await open(ann, [])).status).toBe(422)
  expect(await open(ann, [ann.id])).toMatchObject({ status: 422, body: { errors: [{ path: '/body/users' }] } })
  expect(await open(ann, others)).toMatchObject({ status: 422, body: { errors: [{ path: '/body/users' }] } })
  expect((await open(ann, [...others, bob.id])).status).toBe(422)
  expect((await open(ann, others.slice(1))).status).toBe(201)
  expect((await open(ann, [0])).status).toBe(422)
})

test('limits direct rooms to ten per minute per user', async () => {
  const {
    people: [ann, bob],
    open
  } = await start()
  for (let at = 0; at < 10; at++) expect((await open(ann, [bob.id])).status).toBeLessThan(300)
  expect(await open(ann, [bob.id])).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
  expect((await open(bob, [ann.id])).status).toBe(200)
})

test('limits new direct rooms to 50 per hour per user, and never those that exist', async () => {
  const {
    people: [ann, bob, cat],
    open,
    database
  } = await start()
  await open(ann, [bob.id])
  for (let at = 0; at < 49; at++) await database.rateLimits.hit(`direct:${ann.id}`, 60 * 60 * 1000)
  expect(await open(ann, [cat.id])).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
  expect((await open(ann, [bob.id])).status).toBe(200)
  expect((await open(bob, [cat.id])).status).toBe(201)
})

test('refuses a new direct room for people who are members of 1,000 rooms, and opens one that exists', async () => {
  const {
    people: [ann, bob, cat],
    open,
    fillRooms
  } = await start()
  await open(ann, [bob.id])
  await fillRooms(bob, 999)
  expect((await open(ann, [bob.id])).status).toBe(200)
  expect((await open(ann, [cat.id])).status).toBe(201)
  const refused = await open(cat, [bob.id])
  expect(refused).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  expect(seen(await open(cat, [1_000_000]))).toEqual(seen(refused))
})

test('finds active users by the beginning of their names, in any case and without wildcards', async () => {
  const {
    people: [ann, , , dan],
    search,
    as,
    database
  } = await start()
  for (const username of ['Anna', 'AN_na', 'hannah']) await database.users.create({ username, hashedPassword: null })
  await database.users.admit({ externalId: 'bot', username: 'Ännchen 1' })
  expect(await search(ann, 'AN')).toEqual(['AN_na', 'ann', 'Anna'])
  expect(await search(ann, 'an_')).toEqual(['AN_na'])
  expect(await search(ann, 'a%')).toEqual([])
  expect(await search(ann, 'Ännchen')).toEqual(['Ännchen 1'])
  await database.client.query(`update "${database.schema}".users set status = 'suspended' where id = $1`, [dan.id])
  expect(await search(ann, 'dan')).toEqual([])
  expect((await as(ann, 'GET', '/api/users?query=an&limit=1')).body.users).toEqual([
    { user_id: expect.any(Number), username: 'AN_na' }
  ])
  for (const query of ['', '?query=', '?query=a', `?query=${'a'.repeat(201)}`]) {
    expect((await as(ann, 'GET', `/api/users${query}`)).status).toBe(422)
  }
})

test('has neither direct rooms nor a search if the settings turn them off', async () => {
  const {
    people: [ann, bob],
    open,
    as
  } = await start({ directRooms: false, userDirectory: false })
  expect(await open(ann, [bob.id])).toMatchObject({ status: 404, body: { code: 'not_found' } })
  expect(await as(ann, 'GET', '/api/users?query=bob')).toMatchObject({ status: 404, body: { code: 'not_found' } })
})
