/** Tests pins on two processes: requests that reach the same room at once, and lists of the other process. */
import { expect, test } from 'vitest'
import { withRooms } from '../../support/rooms.ts'
import { startTwoProcesses } from '../../support/two-processes.ts'

/** Locks all rooms, so that both requests wait for the same room before either of them changes it. */
const LOCKED_ROOMS = ['select from @rooms for update']

const start = async () => {
  const { one, two, race, sql } = await startTwoProcesses({ settings: { messageRateLimit: 0, readRateLimit: 0 } })
  const [ann, bob] = [await one.register('ann'), await one.register('bob')]
  const [first, second] = [withRooms(one), withRooms(two)]
  await first.create(ann, { room: 'team' })
  await first.put(ann, 'team', bob.id, { role: 'moderator' })
  const post = async (content: string): Promise<number> =>
    (await first.as(ann, 'POST', '/api/chat/rooms/team/messages', { content })).body.seq
  const seqs = [await post('one'), await post('two')] as const
  const path = (seq: number, list = 'pins') => `/api/chat/rooms/team/${list}/${seq}`
  const pins = async () => (await second.as(bob, 'GET', '/api/chat/rooms/team/pins')).body.messages
  const { client, schema } = two.database
  return { first, second, race, sql, ann, bob, seqs, path, pins, client, inSchema: `"${schema}"` }
}

test('a pin and the deletion of its message at once leave no pin', async () => {
  const { first, second, race, sql, ann, bob, seqs, path, pins } = await start()
  for (const seq of seqs) {
    const [pinned, deleted] = await race(
      () => second.as(bob, 'PUT', path(seq)),
      () => first.as(ann, 'DELETE', path(seq, 'messages')),
      LOCKED_ROOMS
    )
    expect([201, 409]).toContain(pinned.status)
    expect(deleted.status).toBe(201)
  }
  expect(await sql('select from @message_state where pin_seq is not null')).toEqual([])
  await expect.poll(pins).toEqual([])
})

test('two pins at the last place leave 100 pins', async () => {
  const { first, second, race, sql, ann, bob, seqs, path } = await start()
  await sql(`insert into @message_state (room_id, seq, changed_seq, pin_seq)
    select id, n, n, n from @rooms, generate_series(100001, 100099) as n where name = 'team'`)
  const results = await race(
    () => first.as(ann, 'PUT', path(seqs[0])),
    () => second.as(bob, 'PUT', path(seqs[1])),
    LOCKED_ROOMS
  )
  expect(results.map(({ status }) => status).sort()).toEqual([201, 409])
  expect(await sql('select from @message_state where pin_seq is not null')).toHaveLength(100)
})

test('two pins of the same message at once are stored once', async () => {
  const { first, second, race, ann, bob, seqs, path, pins } = await start()
  const results = await race(
    () => first.as(ann, 'PUT', path(seqs[0])),
    () => second.as(bob, 'PUT', path(seqs[0])),
    LOCKED_ROOMS
  )
  expect(results.map(({ status }) => status).sort()).toEqual([200, 201])
  expect(results[0].body.seq).toBe(results[1].body.seq)
  await expect.poll(pins).toMatchObject([{ seq: seqs[0], changed_seq: results[0].body.seq }])
})

test('a pin is refused as busy while a transaction without the lock of the room erases its message', async () => {
  const { first, ann, seqs, path, client, inSchema } = await start()
  await client.transaction(async transaction => {
    await transaction.query(`update ${inSchema}.messages set content = null where seq = $1`, [seqs[0]])
    expect(await first.as(ann, 'PUT', path(seqs[0]))).toMatchObject({ status: 503, body: { code: 'busy' } })
    expect(await first.as(ann, 'PUT', path(seqs[1]))).toMatchObject({ status: 201 })
  })
  expect(await first.as(ann, 'PUT', path(seqs[0]))).toMatchObject({ status: 409, body: { code: 'already_deleted' } })
})

test('a list of another process shows a pin and its end', async () => {
  const { first, second, ann, bob, seqs, path, pins } = await start()
  const shown = async () => (await second.as(bob, 'GET', path(seqs[0], 'messages'))).body
  expect(await shown()).not.toHaveProperty('pinned')
  const { body: added } = await first.as(ann, 'PUT', path(seqs[0]))
  await expect.poll(shown).toMatchObject({ pinned: true, changed_seq: added.seq })
  expect(await pins()).toMatchObject([{ seq: seqs[0] }])
  const { body: removed } = await first.as(ann, 'DELETE', path(seqs[0]))
  await expect.poll(shown).toMatchObject({ changed_seq: removed.seq })
  expect(await shown()).not.toHaveProperty('pinned')
  expect(await pins()).toEqual([])
})
