/** Tests that a block and messages on two processes leave one consistent result. */
import { expect, test } from 'vitest'
import { ROOMS, withRooms } from '../support/rooms.ts'
import { startTwoProcesses } from '../support/two-processes.ts'

const start = async () => {
  const { one, two, race, sql } = await startTwoProcesses({ settings: { messageRateLimit: 0, readRateLimit: 0 } })
  const [ann, bob] = [await one.register('ann'), await one.register('bob')]
  const [first, second] = [withRooms(one), withRooms(two)]
  const { room } = (await first.as(ann, 'POST', '/api/chat/direct', { users: [bob.id] })).body
  return { one: first, two: second, database: one.database, race, sql, ann, bob, room }
}

test('after the response to a block, no message is stored in the direct room', async () => {
  const { one, two, race, sql, ann, bob, room } = await start()
  for (let round = 0; round < 3; round++) {
    const [blocked, posted] = await race(
      () => one.as(ann, 'PUT', `/api/users/me/blocks/${bob.id}`),
      () => two.as(bob, 'POST', `${ROOMS}/${room}/messages`, { content: 'hi' }),
      ['select from @rooms for update']
    )
    expect(blocked.status).toBe(204)
    expect([201, 403]).toContain(posted.status)
    const [before] = await sql<{ count: number }>('select count(*)::integer as count from @messages')
    expect((await two.as(bob, 'POST', `${ROOMS}/${room}/messages`, { content: 'hi' })).status).toBe(403)
    expect(await sql('select count(*)::integer as count from @messages')).toEqual([before])
    await one.as(ann, 'DELETE', `/api/users/me/blocks/${bob.id}`)
  }
})

test('two users who block each other at once both succeed', async () => {
  const { one, two, race, sql, ann, bob } = await start()
  const results = await race(
    () => one.as(ann, 'PUT', `/api/users/me/blocks/${bob.id}`),
    () => two.as(bob, 'PUT', `/api/users/me/blocks/${ann.id}`),
    ['select from @users for update']
  )
  expect(results.map(({ status }) => status)).toEqual([204, 204])
  expect(await sql('select from @blocks')).toHaveLength(2)
})

test('a batch with messages of blocked and of other users refuses only those of the blocked users', async () => {
  const { one, database, sql, ann, bob, room } = await start()
  await one.as(ann, 'PUT', `/api/users/me/blocks/${bob.id}`)
  const ids = await sql<{ id: number; name: string }>('select id, name from @rooms')
  const idOf = (name: string): number => ids.find(found => found.name === name)?.id ?? 0
  const message = (roomId: number, userId: number, writeId: string) => ({
    roomId,
    userId,
    writeId,
    kind: 'message',
    content: 'token',
    meta: null,
    keyId: null
  })
  const batch = [
    message(idOf('general'), bob.id, 'a'),
    message(idOf(room), bob.id, 'b'),
    message(idOf(room), ann.id, 'c'),
    message(idOf('general'), ann.id, 'd')
  ]
  expect(await database.messages.append(batch)).toMatchObject([
    { seq: 1 },
    { refused: 'not_allowed' },
    { refused: 'not_allowed' },
    { seq: 2 }
  ])
})
