/** Tests that concurrent reports, deletions and resolutions on two processes leave one consistent result. */
import { expect, test } from 'vitest'
import { ROOMS, withRooms } from '../support/rooms.ts'
import { startTwoProcesses } from '../support/two-processes.ts'

/** Locks all rooms, so that both requests wait for the same room before either of them changes it. */
const LOCKED_ROOMS = ['select from @rooms for update']

const start = async () => {
  const { one, two, race, sql } = await startTwoProcesses({ settings: { messageRateLimit: 0, readRateLimit: 0 } })
  const [ann, bob] = [await one.register('ann'), await one.register('bob')]
  const [first, second] = [withRooms(one), withRooms(two)]
  await first.create(ann, { room: 'team' })
  const { seq } = (await first.as(bob, 'POST', `${ROOMS}/team/messages`, { content: 'text' })).body
  const path = `${ROOMS}/team/messages/${seq}`
  return { one: first, two: second, race, sql, ann, bob, path }
}

test('a user who reports a message twice at once has one report', async () => {
  const { one, two, race, sql, ann, path } = await start()
  const results = await race(
    () => one.as(ann, 'POST', `${path}/report`),
    () => two.as(ann, 'POST', `${path}/report`),
    LOCKED_ROOMS
  )
  expect(results.map(({ status }) => status).sort()).toEqual([200, 201])
  expect(results[0].body).toEqual(results[1].body)
  expect(await sql('select from @reports')).toHaveLength(1)
})

test('a report at the time of the deletion either has the text or is refused', async () => {
  const { one, two, race, sql, ann, bob, path } = await start()
  const [deleted, reported] = await race(
    () => one.as(bob, 'DELETE', path),
    () => two.as(ann, 'POST', `${path}/report`),
    LOCKED_ROOMS
  )
  expect(deleted.status).toBe(201)
  const stored = await sql<{ content: string | null }>('select content from @reports')
  if (reported.status === 201) expect(stored).toEqual([{ content: expect.stringMatching(/^gAAAAA/) }])
  else expect([reported.body.code, stored]).toEqual(['already_deleted', []])
})

test('of two resolutions at once, one succeeds', async () => {
  const { one, two, race, ann, path } = await start()
  const { id } = (await one.as(ann, 'POST', `${path}/report`)).body
  const resolve = (on: typeof one, outcome: string) =>
    on.as(ann, 'POST', `${ROOMS}/team/reports/${id}/resolve`, { outcome })
  const results = await race(
    () => resolve(one, 'dismissed'),
    () => resolve(two, 'dismissed'),
    ['select from @reports for update']
  )
  expect(results.map(({ status }) => status).sort()).toEqual([204, 409])
})
