/** Tests the routes that create, list and revoke invitations to rooms, and the route with which users join a room. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { fakeClock } from '../support/clock.ts'
import { testDatabase } from '../support/database.ts'
import { recordedQueries, recordQueries } from '../support/plans.ts'
import { ROOMS, seen, startRooms } from '../support/rooms.ts'
import type { Person, StartOptions } from '../support/start-chat.ts'

const BY_CODE = '/api/chat/invitations'
const INVALID = { status: 404, body: { code: 'invitation_invalid' } }

const start = async (options?: StartOptions) => {
  const chat = await startRooms(['ann', 'bob', 'cat', 'dan'], options)
  const [ann] = chat.people
  const { room } = await chat.create(ann, { visibility: 'private', title: 'Team' })
  const invite = async (by: Person, body?: object, to: string = room) =>
    chat.as(by, 'POST', `${ROOMS}/${to}/invitations`, body)
  const show = (person: Person, code: string) => chat.as(person, 'GET', `${BY_CODE}/${code}`)
  const join = (person: Person, code: string) => chat.as(person, 'POST', `${BY_CODE}/${code}`)
  const list = async (person: Person) => (await chat.as(person, 'GET', `${ROOMS}/${room}/invitations`)).body.invitations
  const sql = (text: string) =>
    chat.database.client.query<Record<string, unknown>>(text.replaceAll('@', `"${chat.database.schema}".`))
  return { ...chat, room, invite, show, join, list, sql }
}

test('a user joins a private room with an invitation, by an entry in its log', async () => {
  const { people, room, invite, show, join, as } = await start()
  const [ann, bob] = people
  const created = await invite(ann, { expires_in_hours: 1, uses: 2 })
  expect(created).toMatchObject({ status: 201, body: { id: expect.any(Number), uses_left: 2 } })
  const { code, expires_at } = created.body
  expect(code).toMatch(/^[\w-]{22}$/)
  expect(created.body).not.toHaveProperty('link')
  expect(Math.abs(Date.parse(expires_at) - Date.now() - 3_600_000)).toBeLessThan(60_000)
  expect(await show(bob, code)).toMatchObject({ status: 200, body: { room, title: 'Team', members: 1 } })
  expect(await join(bob, code)).toMatchObject({ status: 200, body: { room } })
  expect((await as(bob, 'GET', `${ROOMS}/${room}`)).body).toMatchObject({ role: 'member' })
  const { entries } = (await as(ann, 'GET', `${ROOMS}/${room}/log`)).body
  expect(entries).toMatchObject([{ type: 'membership', event: 'joined', user_id: bob.id, subject: bob.id }])
  expect(JSON.stringify(entries)).not.toContain('invitation')
})

test('an invitation is valid for a week and ten people by default, and has a link if the service knows its address', async () => {
  const { people, invite } = await start({ settings: { publicUrl: 'https://chat.example.com/' } })
  const { body } = await invite(people[0])
  expect(body.uses_left).toBe(10)
  expect(body.link).toBe(`https://chat.example.com/app#invite=${body.code}`)
  expect(Math.round((Date.parse(body.expires_at) - Date.now()) / 3_600_000)).toBe(168)
})

test('a member who uses an invitation again stays a member, and does not use up the invitation', async () => {
  const { people, room, invite, join, list } = await start()
  const [ann, bob, cat, dan] = people
  const { code } = (await invite(ann, { uses: 2 })).body
  for (let times = 0; times < 3; times++) expect(await join(bob, code)).toMatchObject({ status: 200, body: { room } })
  expect(await list(ann)).toMatchObject([{ uses_left: 1 }])
  expect((await join(cat, code)).status).toBe(200)
  expect(await join(dan, code)).toMatchObject(INVALID)
  expect(await list(ann)).toEqual([])
})

test('members of a private room see and revoke their own invitations, and moderators see and revoke all', async () => {
  const { people, room, invite, join, list, as, put } = await start()
  const [ann, bob, cat, dan] = people
  await put(ann, room, bob.id)
  await put(ann, room, cat.id, { role: 'moderator' })
  const [first, second] = [(await invite(ann)).body, (await invite(bob)).body]
  expect((await list(bob)).map(({ id }: { id: number }) => id)).toEqual([second.id])
  const all = await list(cat)
  expect(all).toMatchObject([
    { id: second.id, user_id: bob.id, username: 'bob', uses_left: 10 },
    { id: first.id, user_id: ann.id, username: 'ann', uses_left: 10 }
  ])
  expect(JSON.stringify(all)).not.toContain(first.code)
  const revoke = (person: Person, id: number) => as(person, 'DELETE', `${ROOMS}/${room}/invitations/${id}`)
  const absent = { status: 404, body: { code: 'invitation_not_found' } }
  expect(await revoke(bob, first.id)).toMatchObject(absent)
  expect(await revoke(cat, first.id)).toMatchObject({ status: 204 })
  expect(await revoke(cat, first.id)).toMatchObject(absent)
  expect(await revoke(bob, second.id)).toMatchObject({ status: 204 })
  expect(await join(dan, first.code)).toMatchObject(INVALID)
  expect(await join(dan, second.code)).toMatchObject(INVALID)
})

test('only people who may add others create invitations: members of private rooms, and moderators of public rooms', async () => {
  const { people, invite, create, put, as, promote } = await start()
  const [ann, bob, cat, dan] = people
  await create(ann, { room: 'open' })
  await put(bob, 'open', 'me')
  await put(ann, 'open', cat.id, { role: 'moderator' })
  const refused = { status: 403, body: { code: 'not_allowed' } }
  expect(await invite(bob, {}, 'open')).toMatchObject(refused)
  expect(await invite(dan, {}, 'open')).toMatchObject(refused)
  expect((await invite(cat, {}, 'open')).status).toBe(201)
  await promote(dan)
  expect((await invite(dan, {}, 'open')).status).toBe(201)
  expect(await invite(dan)).toMatchObject({ status: 404, body: { code: 'room_not_found' } })
  const direct = (await as(ann, 'POST', '/api/chat/direct', { users: [bob.id] })).body.room
  expect(await invite(ann, {}, direct)).toMatchObject(refused)
})

test('an invitation ends with the right of its creator to add people, and not before', async () => {
  const { people, room, invite, join, put, remove } = await start()
  const [ann, bob, cat, dan] = people
  await put(ann, room, bob.id)
  const { code } = (await invite(bob)).body
  expect((await join(cat, code)).status).toBe(200)
  await remove(ann, room, bob.id)
  expect(await join(dan, code)).toMatchObject(INVALID)
  await put(ann, room, bob.id)
  expect((await join(dan, code)).status).toBe(200)
})

test('every invitation that does not work has the same response, after the same queries', async () => {
  const database = await testDatabase()
  recordQueries(database.client)
  const chat = await start({ database, clock: fakeClock(Date.now()) })
  const { people, room, invite, show, join, sql, as, put, remove } = chat
  const [ann, bob, cat] = people
  const code = async (body?: object, by = ann) => (await invite(by, body)).body.code as string
  await put(ann, room, bob.id)
  const [expired, usedUp, revoked, ofFormer] = [await code(), await code(), await code(), await code({}, bob)]
  const hashed = (text: string) => createHash('sha256').update(text).digest('hex')
  await sql(`update @room_invitations set expires_at = clock_timestamp() where hash = '${hashed(expired)}'`)
  await sql(`update @room_invitations set uses_left = 0 where hash = '${hashed(usedUp)}'`)
  await sql(`delete from @room_invitations where hash = '${hashed(revoked)}'`)
  await remove(ann, room, bob.id)
  await as(cat, 'GET', '/api/users/me')
  for (const request of [show, join]) {
    const costOf = async (text: string) => {
      const before = recordedQueries()
      return { ...seen(await request(cat, text)), queries: recordedQueries() - before }
    }
    const unknown = await costOf('A'.repeat(22))
    expect(unknown).toMatchObject(INVALID)
    for (const text of [expired, usedUp, revoked, ofFormer, 'x', '%00', '%F0%9F%98%80'])
      expect(await costOf(text), text).toEqual(unknown)
  }
})

test('an invitation is invalid while the user is banned, its creator is muted or the room is archived, and then valid again', async () => {
  const { people, room, invite, show, join, sql, put, remove } = await start()
  const [ann, bob, cat] = people
  await put(ann, room, bob.id)
  const { code } = (await invite(bob)).body
  const roomId = (await sql(`select id from @rooms where name = '${room}'`))[0]?.id
  const restrict = (user: Person, kind: string) =>
    sql(`insert into @restrictions (room_id, user_id, kind) values (${roomId}, ${user.id}, '${kind}')`)
  for (const [begin, end] of [
    [() => restrict(cat, 'ban'), () => sql('delete from @restrictions')],
    [() => restrict(bob, 'mute'), () => sql('delete from @restrictions')],
    [() => sql('update @rooms set archived = true'), () => sql('update @rooms set archived = false')],
    [() => sql(`update @rooms set invite = 'moderators'`), () => sql(`update @rooms set invite = 'members'`)],
    [
      () => sql(`update @users set status = 'suspended' where id = ${bob.id}`),
      () => sql(`update @users set status = 'active' where id = ${bob.id}`)
    ]
  ] as const) {
    await begin()
    expect(await show(cat, code)).toMatchObject(INVALID)
    expect(await join(cat, code)).toMatchObject(INVALID)
    await end()
    expect((await show(cat, code)).status).toBe(200)
  }
  // A muted user may still join.
  await restrict(cat, 'mute')
  expect((await join(cat, code)).status).toBe(200)
  await remove(cat, room, 'me')
  await restrict(bob, 'mute')
  expect((await invite(bob)).status).toBe(403)
})

test('limits tried codes to 20 per minute per user', async () => {
  const { people, show, join } = await start()
  const [, bob, cat] = people
  for (let at = 0; at < 10; at++) {
    expect((await show(bob, `${at}`)).status).toBe(404)
    expect((await join(bob, `${at}`)).status).toBe(404)
  }
  expect(await join(bob, 'x')).toMatchObject({ status: 429, body: { code: 'rate_limited' } })
  expect((await show(cat, 'x')).status).toBe(404)
})

test('a room has at most 100 invitations that can be used', async () => {
  const { people, invite, room, sql } = await start()
  const [ann] = people
  await sql(
    `insert into @room_invitations (room_id, user_id, hash, uses_left, expires_at)
     select room.id, ${ann.id}, 'h' || n, 1, clock_timestamp() + n * interval '1 hour'
     from @rooms as room, generate_series(0, 100) as n where room.name = '${room}'`
  )
  expect(await invite(ann)).toMatchObject({ status: 409, body: { code: 'too_many_invitations' } })
  await sql(`update @room_invitations set uses_left = 0 where hash = 'h5'`)
  expect((await invite(ann)).status).toBe(201)
})

test('the code is neither stored nor logged', async () => {
  const chat = await start({ settings: { logLevel: 'trace', publicUrl: 'https://chat.example.com' } })
  const { people, invite, show, join, as, database, log } = chat
  const [ann, bob] = people
  const { code } = (await invite(ann)).body
  await show(bob, code)
  await join(bob, code)
  await join(bob, `${code}?x=1`)
  await as(bob, 'PUT', `${BY_CODE}/${code}`)
  await as(bob, 'POST', `${BY_CODE}/${code}/more`)
  expect(log()).toContain('/api/chat/invitations/[code]')
  expect(log()).not.toContain(code)
  const tables = await database.client.query<{ name: string }>(
    'select table_name as name from information_schema.tables where table_schema = $1',
    [database.schema]
  )
  for (const { name } of tables) {
    const rows = await database.client.query(
      `select row_to_json(one) as row from "${database.schema}"."${name}" as one`
    )
    expect(JSON.stringify(rows), name).not.toContain(code)
  }
})

test('the end of an account removes its invitations', async () => {
  const { people, invite, join, as, sql } = await start()
  const [ann, bob] = people
  const { code } = (await invite(ann)).body
  await as(ann, 'POST', '/api/auth/proof', { password: 'SecurePass123' })
  expect((await as(ann, 'DELETE', '/api/users/me')).status).toBe(202)
  await expect.poll(async () => (await sql('select from @room_invitations')).length).toBe(0)
  expect(await join(bob, code)).toMatchObject(INVALID)
})

test('a user who may not invite others according to the host application may not create an invitation', async () => {
  const { people, put, room, invite, list } = await start({
    authorizeActions: ['invite'],
    authorize: ({ user, action }) => action !== 'invite' || user.name !== 'ann'
  })
  const [ann, bob, cat] = people
  expect(await put(ann, room, bob.id)).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  expect(await invite(ann)).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
  expect(await list(ann)).toEqual([])
  expect(seen(await invite(cat))).toEqual(seen(await invite(cat, {}, 'p.00000000000000000000000000')))
})
