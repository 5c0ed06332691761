/** Tests that concurrent changes of members on two processes leave one consistent result. */
import { expect, test } from 'vitest'
import { ROOMS, withRooms } from '../support/rooms.ts'
import { startTwoProcesses } from '../support/two-processes.ts'

/** Locks all rooms, so that both requests wait for the same room before either of them changes it. */
const LOCKED_ROOMS = ['select from @rooms for update']

const start = async () => {
  const { one, two, race, sql } = await startTwoProcesses({ settings: { messageRateLimit: 0, readRateLimit: 0 } })
  const [ann, bob, cat] = [await one.register('ann'), await one.register('bob'), await one.register('cat')]
  return { one: withRooms(one), two: withRooms(two), database: two.database, race, sql, ann, bob, cat }
}

test('people who open the same direct room at once get one room', async () => {
  const { one, two, race, ann, bob, sql } = await start()
  const opened = await race(
    () => one.as(ann, 'POST', '/api/chat/direct', { users: [bob.id] }),
    () => two.as(bob, 'POST', '/api/chat/direct', { users: [ann.id] }),
    ['select from @users for update']
  )
  expect(opened.map(({ status }) => status).sort()).toEqual([200, 201])
  expect(opened[0].body).toEqual(opened[1].body)
  expect(await sql(`select room_id, user_id from @members order by user_id`)).toMatchObject([
    { user_id: ann.id },
    { user_id: bob.id }
  ])
  expect(await sql(`select from @rooms where visibility = 'direct'`)).toHaveLength(1)
})

test('two owners who leave at once leave an owner behind', async () => {
  const { one, two, race, ann, bob, cat } = await start()
  const { room } = await one.create(ann, { visibility: 'private' })
  await one.put(ann, room, bob.id, { role: 'owner' })
  await one.put(ann, room, cat.id)
  const results = await race(
    () => one.remove(ann, room, 'me'),
    () => two.remove(bob, room, 'me'),
    LOCKED_ROOMS
  )
  expect(results.map(({ status }) => status).sort()).toEqual([204, 409])
  const roles = await one.roles(cat, room)
  expect(Object.values(roles).sort()).toEqual(['member', 'owner'])
})

test('two owners who take the role from each other at once leave an owner behind', async () => {
  const { one, two, race, ann, bob } = await start()
  await one.create(ann, { room: 'team' })
  await one.put(ann, 'team', bob.id, { role: 'owner' })
  const results = await race(
    () => one.put(ann, 'team', 'me', { role: 'member' }),
    () => two.put(bob, 'team', 'me', { role: 'member' }),
    LOCKED_ROOMS
  )
  expect(results.map(({ status }) => status).sort()).toEqual([200, 409])
  expect(Object.values(await one.roles(ann, 'team')).sort()).toEqual(['member', 'owner'])
})

test('adding and removing a member at once ends in the state of the last entry', async () => {
  const { one, two, race, ann, bob, cat } = await start()
  const { room } = await one.create(ann, { visibility: 'private' })
  await one.put(ann, room, bob.id, { role: 'moderator' })
  await one.put(ann, room, cat.id)
  for (let round = 0; round < 3; round++) {
    const [removed, added] = await race(
      () => one.remove(ann, room, cat.id),
      () => two.put(bob, room, cat.id),
      LOCKED_ROOMS
    )
    // Adding returns 404 if the user was removed after the addition, but before the service read the member for the response.
    expect([removed.status, added.status]).toEqual([
      204,
      expect.toSatisfy((status: number) => [200, 404].includes(status))
    ])
    const { entries } = (await two.as(ann, 'GET', `${ROOMS}/${room}/log`)).body
    const last = entries.findLast(({ subject }: { subject: number }) => subject === cat.id)
    expect('cat' in (await one.roles(ann, room))).toBe(last.event === 'added')
    expect((await two.as(cat, 'GET', `${ROOMS}/${room}`)).status).toBe(last.event === 'added' ? 200 : 404)
    await one.put(ann, room, cat.id)
  }
})

test('no room is created for a user whose account ends at the same time', async () => {
  const { one, database, sql, ann, bob } = await start()
  const { client, schema } = database
  const requests = await client.transaction(async ({ query }) => {
    await query(`update "${schema}".users set status = 'deleting' where id = $1`, [ann.id])
    const created = one.as(ann, 'POST', ROOMS, { room: 'team' })
    const opened = one.as(bob, 'POST', '/api/chat/direct', { users: [ann.id] })
    const waiting = `select from pg_stat_activity where wait_event_type = 'Lock' and query like '%"' || $1 || '"%'`
    await expect.poll(async () => (await client.query(waiting, [schema])).length, { interval: 10 }).toBe(2)
    return [created, opened]
  })
  expect(await Promise.all(requests)).toMatchObject([{ status: 403 }, { status: 403 }])
  expect(await sql(`select name from @rooms`)).toEqual([{ name: 'general' }])
  expect(await sql('select from @members')).toEqual([])
})
