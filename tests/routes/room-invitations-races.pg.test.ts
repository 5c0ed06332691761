/** Tests that concurrent uses and changes of an invitation on two processes leave one consistent result. */
import { expect, test } from 'vitest'
import { ROOMS, withRooms } from '../support/rooms.ts'
import type { Person } from '../support/start-chat.ts'
import { startTwoProcesses } from '../support/two-processes.ts'

/** Locks all rooms, so that both requests wait for the same room before either of them changes it. */
const LOCKED_ROOMS = ['select from @rooms for update']

const start = async () => {
  const { one, two, race, sql } = await startTwoProcesses({ settings: { messageRateLimit: 0, readRateLimit: 0 } })
  const [ann, bob, cat] = [await one.register('ann'), await one.register('bob'), await one.register('cat')]
  const [first, second] = [withRooms(one), withRooms(two)]
  const { room } = await first.create(ann, { visibility: 'private' })
  const invite = async (by: Person, uses: number) =>
    (await first.as(by, 'POST', `${ROOMS}/${room}/invitations`, { uses })).body
  const join = (on: typeof first, person: Person, code: string) =>
    on.as(person, 'POST', `/api/chat/invitations/${code}`)
  return { one: first, two: second, database: one.database, race, sql, ann, bob, cat, room, invite, join }
}

test('of two people who use an invitation for the last time at once, one joins', async () => {
  const { one, two, race, sql, ann, bob, cat, room, invite, join } = await start()
  const { code } = await invite(ann, 1)
  const results = await race(
    () => join(one, bob, code),
    () => join(two, cat, code),
    LOCKED_ROOMS
  )
  expect(results.map(({ status }) => status).sort()).toEqual([200, 404])
  expect(results.find(({ status }) => status === 404)).toMatchObject({ body: { code: 'invitation_invalid' } })
  expect(Object.keys(await one.roles(ann, room))).toHaveLength(2)
  expect(await sql('select uses_left from @room_invitations')).toEqual([{ uses_left: 0 }])
})

test('a user who uses an invitation twice at once joins once, and uses it up once', async () => {
  const { one, two, race, sql, ann, bob, invite, join } = await start()
  const { code } = await invite(ann, 5)
  const results = await race(
    () => join(one, bob, code),
    () => join(two, bob, code),
    LOCKED_ROOMS
  )
  expect(results.map(({ status }) => status)).toEqual([200, 200])
  expect(await sql('select uses_left from @room_invitations')).toEqual([{ uses_left: 4 }])
})

test('the creator of an invitation who is removed while somebody uses it lets nobody in afterwards', async () => {
  const { one, two, race, ann, bob, cat, room, invite, join } = await start()
  await one.put(ann, room, bob.id)
  const { code } = await invite(bob, 5)
  const [removed, joined] = await race(
    () => one.remove(ann, room, bob.id),
    () => join(two, cat, code),
    LOCKED_ROOMS
  )
  expect(removed.status).toBe(204)
  const { entries } = (await one.as(ann, 'GET', `${ROOMS}/${room}/log`)).body
  const events = entries.map(({ event }: { event: string }) => event)
  expect(events).toEqual(joined.status === 200 ? ['added', 'joined', 'removed'] : ['added', 'removed'])
})

test('a user who is banned while they use an invitation is not a member afterwards', async () => {
  const { one, two, race, sql, ann, bob, room, invite, join, database } = await start()
  const { code } = await invite(ann, 5)
  const [{ id: roomId = 0 } = {}] = await sql<{ id: number }>(`select id from @rooms where name = '${room}'`)
  const detail = JSON.stringify({ subject: bob.id, op: 'ban' })
  const ban = {
    roomId,
    userId: ann.id,
    writeId: 'ban',
    kind: 'membership',
    content: null,
    meta: null,
    keyId: null,
    detail
  }
  const [banned] = await race<unknown>(
    () => database.messages.append([ban]),
    () => join(two, bob, code),
    LOCKED_ROOMS
  )
  expect(banned).toMatchObject([{ outcome: 'stored' }])
  expect(await one.roles(ann, room)).toEqual({ ann: 'owner' })
  expect((await join(one, bob, code)).body).toMatchObject({ code: 'invitation_invalid' })
})

test('an invitation that is being revoked is refused without waiting', async () => {
  const { one, two, sql, ann, bob, invite, join, room } = await start()
  const { code, id } = await invite(ann, 5)
  expect((await one.as(ann, 'DELETE', `${ROOMS}/${room}/invitations/${id}`)).status).toBe(204)
  expect((await join(two, bob, code)).body).toMatchObject({ code: 'invitation_invalid' })
  expect(await sql('select from @room_invitations')).toEqual([])
})
