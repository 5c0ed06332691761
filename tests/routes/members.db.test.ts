/** Tests the routes that list, add, remove and promote the members of a room. */
import { expect, test } from 'vitest'
import { ROOMS, seen, startRooms } from '../support/rooms.ts'

test('a user joins and leaves a public room, with entries in its log', async () => {
  const {
    people: [ann, bob],
    create,
    put,
    remove,
    roles,
    as
  } = await startRooms(['ann', 'bob'])
  await create(ann, { room: 'team' })
  const joined = await put(bob, 'team', 'me')
  expect(joined).toMatchObject({
    status: 200,
    body: { user_id: bob.id, username: 'bob', role: 'member', joined_at: expect.stringMatching(/\+00:00$/) }
  })
  expect((await put(bob, 'team', 'me')).body).toEqual(joined.body)
  expect(await roles(bob, 'team')).toEqual({ ann: 'owner', bob: 'member' })
  expect((await as(bob, 'GET', `${ROOMS}/team`)).body).toMatchObject({ role: 'member' })
  expect(await remove(bob, 'team', 'me')).toMatchObject({ status: 204 })
  expect(await remove(bob, 'team', 'me')).toMatchObject({ status: 404, body: { code: 'user_not_found' } })
  const { entries } = (await as(bob, 'GET', `${ROOMS}/team/log`)).body
  expect(entries).toMatchObject([
    { type: 'membership', seq: 1, user_id: bob.id, subject: bob.id, event: 'joined' },
    { type: 'membership', seq: 2, user_id: bob.id, subject: bob.id, event: 'left' }
  ])
})

test('a member of a private room adds users, who then see the room, and a moderator removes them', async () => {
  const {
    people: [ann, bob, cat],
    create,
    put,
    remove,
    roles,
    as
  } = await startRooms(['ann', 'bob', 'cat'])
  const { room } = await create(ann, { visibility: 'private' })
  expect(await put(ann, room, bob.id)).toMatchObject({ status: 200, body: { role: 'member' } })
  expect(await put(bob, room, cat.id)).toMatchObject({ status: 200, body: { username: 'cat' } })
  expect((await as(cat, 'GET', `${ROOMS}/${room}`)).body).toMatchObject({ visibility: 'private', role: 'member' })
  expect(await remove(bob, room, cat.id)).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  expect(await put(ann, room, bob.id, { role: 'moderator' })).toMatchObject({
    status: 200,
    body: { role: 'moderator' }
  })
  expect(await remove(bob, room, ann.id)).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  expect(await remove(bob, room, cat.id)).toMatchObject({ status: 204 })
  expect((await as(cat, 'GET', `${ROOMS}/${room}`)).status).toBe(404)
  expect(await roles(ann, room)).toEqual({ ann: 'owner', bob: 'moderator' })
})

test('only owners give and change roles', async () => {
  const {
    people: [ann, bob, cat],
    create,
    put,
    roles
  } = await startRooms(['ann', 'bob', 'cat'])
  await create(ann, { room: 'team' })
  await put(bob, 'team', 'me')
  const refused = { status: 403, body: { code: 'not_allowed' } }
  expect(await put(bob, 'team', 'me', { role: 'owner' })).toMatchObject(refused)
  expect(await put(cat, 'team', 'me', { role: 'moderator' })).toMatchObject(refused)
  await put(ann, 'team', bob.id, { role: 'moderator' })
  expect(await put(bob, 'team', cat.id, { role: 'moderator' })).toMatchObject(refused)
  expect(await put(bob, 'team', cat.id)).toMatchObject({ status: 200 })
  expect(await put(bob, 'team', ann.id, { role: 'member' })).toMatchObject(refused)
  expect(await put(ann, 'team', 'me', { role: 'member' })).toMatchObject({ status: 409, body: { code: 'last_owner' } })
  expect(await put(ann, 'team', bob.id, { role: 'owner' })).toMatchObject({ status: 200 })
  expect(await put(ann, 'team', 'me', { role: 'member' })).toMatchObject({ status: 200, body: { role: 'member' } })
  expect(await roles(ann, 'team')).toEqual({ ann: 'member', bob: 'owner', cat: 'member' })
})

test('the last owner leaves only if nobody else is left', async () => {
  const {
    people: [ann, bob],
    create,
    put,
    remove
  } = await startRooms(['ann', 'bob'])
  const { room } = await create(ann, { visibility: 'private' })
  await put(ann, room, bob.id)
  expect(await remove(ann, room, 'me')).toMatchObject({ status: 409, body: { code: 'last_owner' } })
  expect(await remove(bob, room, 'me')).toMatchObject({ status: 204 })
  expect(await remove(ann, room, 'me')).toMatchObject({ status: 204 })
})

test('an administrator manages public rooms, and reads a private room only after an entry that its members see', async () => {
  const {
    people: [ann, bob, boss],
    create,
    put,
    roles,
    promote,
    as
  } = await startRooms(['ann', 'bob', 'boss'])
  await promote(boss)
  await create(ann, { room: 'team' })
  await put(bob, 'team', 'me')
  expect(await put(boss, 'team', bob.id, { role: 'owner' })).toMatchObject({ status: 200, body: { role: 'owner' } })
  const { room } = await create(ann, { visibility: 'private' })
  expect((await as(boss, 'GET', `${ROOMS}/${room}`)).status).toBe(404)
  expect(await put(boss, room, bob.id)).toMatchObject({ status: 404, body: { code: 'room_not_found' } })
  expect(await put(boss, room, 'me')).toMatchObject({ status: 200, body: { username: 'boss', role: 'member' } })
  expect(await roles(boss, room)).toEqual({ ann: 'owner', boss: 'member' })
  expect((await as(ann, 'GET', `${ROOMS}/${room}/log`)).body.entries).toMatchObject([
    { type: 'membership', event: 'joined', subject: boss.id, user_id: boss.id }
  ])
})

test('a room that a user may not see looks like an absent one to every route of members', async () => {
  const {
    people: [ann, bob, cat],
    create,
    put,
    remove,
    as
  } = await startRooms(['ann', 'bob', 'cat'])
  const { room } = await create(ann, { visibility: 'private' })
  await put(ann, room, cat.id)
  for (const request of [
    (name: string) => as(bob, 'GET', `${ROOMS}/${name}/members`),
    (name: string) => put(bob, name, 'me'),
    (name: string) => put(bob, name, cat.id, { role: 'owner' }),
    (name: string) => remove(bob, name, 'me'),
    (name: string) => remove(bob, name, cat.id)
  ]) {
    const denied = await request(room)
    expect(denied).toMatchObject({ status: 404, body: { code: 'room_not_found' } })
    expect(seen(denied)).toEqual(seen(await request('p.absent')))
  }
})

test('unknown and deleted users cannot be added', async () => {
  const {
    people: [ann, bob],
    create,
    put,
    database
  } = await startRooms(['ann', 'bob'])
  const { room } = await create(ann, { visibility: 'private' })
  await database.client.query(`update "${database.schema}".users set status = 'deleted' where id = $1`, [bob.id])
  for (const id of [bob.id, 1_000_000, 2 ** 31 - 1, 2 ** 31, 9_999_999_999]) {
    expect(await put(ann, room, id)).toMatchObject({ status: 404, body: { code: 'user_not_found' } })
  }
})

test('rejects paths and bodies that are not valid', async () => {
  const {
    people: [ann],
    as
  } = await startRooms(['ann'])
  for (const user of ['0', '-1', 'ME', '1e3', '01', '12345678901']) {
    expect((await as(ann, 'PUT', `${ROOMS}/general/members/${user}`)).status).toBe(422)
    expect((await as(ann, 'DELETE', `${ROOMS}/general/members/${user}`)).status).toBe(422)
  }
  expect((await as(ann, 'PUT', `${ROOMS}/general/members/me`, { role: 'king' })).status).toBe(422)
  expect((await as(ann, 'GET', `${ROOMS}/general/members?after=-1`)).status).toBe(422)
  expect((await as(ann, 'GET', `${ROOMS}/general/members?query=%00`)).status).toBe(422)
})

test('lists members by id, page by page, and searches their names', async () => {
  const {
    people: [ann, bob],
    create,
    as,
    database
  } = await startRooms(['ann', 'bob'])
  const { room } = await create(ann, { visibility: 'private' })
  const inSchema = `"${database.schema}"`
  await database.client.query(
    `with new as (
       insert into ${inSchema}.users (username) select 'user-' || n from generate_series(1, 2500) as n returning id
     )
     insert into ${inSchema}.members (room_id, user_id) select room.id, new.id from new, ${inSchema}.rooms as room
     where room.name = '${room}'`
  )
  const page = async (query: string) => (await as(ann, 'GET', `${ROOMS}/${room}/members?${query}`)).body
  const first = await page('limit=2')
  expect(first).toMatchObject({ room, members: [{ username: 'ann' }, { username: 'user-1' }], has_more: true })
  expect(first.next).toBe(first.members[1].user_id)
  expect(await page(`limit=1&after=${first.next}`)).toMatchObject({ members: [{ username: 'user-2' }] })
  const found: string[] = []
  for (let after = 0; ; ) {
    const { members, next } = await page(`query=ER-2500&after=${after}`)
    found.push(...members.map(({ username }: { username: string }) => username))
    if (next === undefined) break
    after = next
  }
  expect(found).toEqual(['user-2500'])
  expect((await as(bob, 'GET', `${ROOMS}/${room}/members`)).status).toBe(404)
})

test('limits changes of members to 60 per minute per user', async () => {
  const {
    people: [ann, bob],
    create,
    put,
    remove
  } = await startRooms(['ann', 'bob'])
  await create(ann, { room: 'team' })
  const statuses: number[] = []
  for (let at = 0; at < 30; at++) {
    statuses.push((await put(bob, 'team', 'me')).status, (await remove(bob, 'team', 'me')).status)
  }
  expect([...new Set(statuses)].sort()).toEqual([200, 204])
  const late = await put(bob, 'team', 'me')
  expect(late).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
  expect(Number(late.headers.get('retry-after'))).toBeGreaterThan(0)
  expect((await put(ann, 'team', bob.id)).status).toBe(200)
})
