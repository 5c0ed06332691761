/**
 * Tests bans, mutes, archives and deletions with two processes. The log must have no entry that an earlier ban, mute or archive
 * forbids.
 */
import { expect, test } from 'vitest'
import { createMemoryBus } from '../../../src/bus/drivers/memory.ts'
import type { Person } from '../../support/start-chat.ts'
import { startTwoProcesses } from '../../support/two-processes.ts'

const SETTINGS = { messageRateLimit: 0, readRateLimit: 0 }

const start = async ({ isNotified = true } = {}) => {
  // If `isNotified` is false, each process gets a bus of its own, so its events do not reach the other process.
  const options = isNotified
    ? { settings: SETTINGS }
    : {
        settings: SETTINGS,
        get bus() {
          return createMemoryBus()
        }
      }
  const { one, two, sql } = await startTwoProcesses(options)
  const [ann, bob] = [await one.register('ann'), await one.register('bob')]
  const path = '/api/chat/rooms/team'
  await one.call('POST', '/api/chat/rooms', { token: ann.token, body: { room: 'team' } })
  const as = (chat: typeof one, { token }: Person, method: string, rest: string, body?: object) =>
    chat.call(method, path + rest, { token, ...(body === undefined ? {} : { body }) })
  const subscribe = async (chat: typeof one, person: Person) => {
    const socket = await chat.join(person, { protocols: ['chat.v1'] })
    socket.send({ type: 'subscribe', room: 'team', ref: 's' })
    await socket.nextOf('subscribed')
    return socket
  }
  /** Returns the entries of a user after the newest entry that meets the condition. */
  const after = (condition: string, { id }: Person) =>
    sql(
      `select seq from @messages as entry where user_id = $1 and seq > (
         select max(other.seq) from @others as other where other.room_id = entry.room_id and other.detail ->> ${condition}
       )`,
      [id]
    )
  return { one, two, sql, ann, bob, as, subscribe, after, path }
}

test('a ban ends the subscriptions on the other process at its entry', async () => {
  const { one, two, ann, bob, as, subscribe } = await start()
  const [socket, witness] = [await subscribe(two, bob), await subscribe(two, ann)]
  const posts = (count: number, label: string) =>
    Promise.all(
      Array.from({ length: count }, (_, at) => as(one, ann, 'POST', '/messages', { content: `${label}${at}` }))
    )
  await Promise.all([posts(10, 'a'), as(one, ann, 'PUT', `/bans/${bob.id}`), posts(10, 'b')])
  await as(one, ann, 'POST', '/messages', { content: 'last' })
  const all = []
  do all.push(await witness.nextOf('message'))
  while (all.at(-1)?.content !== 'last')
  const seen = []
  do seen.push(await socket.next())
  while (seen.at(-1)?.type !== 'unsubscribed')
  expect(seen.at(-1)).toMatchObject({ reason: 'banned' })
  expect(seen.filter(({ seq }) => seq !== undefined).at(-1)).toMatchObject({ event: 'banned', subject: bob.id })
  expect((await socket.untilPong()).filter(({ type }) => type === 'message')).toEqual([])
  await expect.poll(async () => (await as(two, bob, 'GET', '/messages')).status).toBe(403)
})

test('without notifications, a ban and a deletion reach the other process by polling', async () => {
  const { one, two, ann, bob, as, subscribe } = await start({ isNotified: false })
  const socket = await subscribe(two, bob)
  await as(one, ann, 'PUT', `/bans/${bob.id}`)
  expect(await socket.nextOf('unsubscribed')).toMatchObject({ reason: 'banned' })
  expect(await as(two, bob, 'GET', '/messages')).toMatchObject({ status: 403, body: { code: 'banned' } })
  const owner = await subscribe(two, ann)
  await as(one, ann, 'DELETE', '')
  expect(await owner.nextOf('unsubscribed')).toMatchObject({ reason: 'deleted' })
  expect((await as(two, ann, 'GET', '')).status).toBe(404)
})

test('a subscription during a ban delivers nothing after the ban', async () => {
  const { one, two, ann, bob, as } = await start()
  const socket = await two.join(bob, { protocols: ['chat.v1'] })
  await Promise.all([
    as(one, ann, 'PUT', `/bans/${bob.id}`),
    ...Array.from({ length: 10 }, async (_, at) => socket.send({ type: 'subscribe', room: 'team', ref: `s${at}` }))
  ])
  await as(one, ann, 'POST', '/messages', { content: 'secret' })
  await expect
    .poll(async () => {
      socket.send({ type: 'subscribe', room: 'team', ref: 'late' })
      return (await socket.nextOf('error')).code
    })
    .toBe('banned')
  expect((await socket.untilPong()).filter(({ type }) => type === 'message')).toEqual([])
})

test('a ban, a mute and an archive are in one order with what the user appends on the other process', async () => {
  const { one, two, ann, bob, as, after } = await start()
  const { seq } = (await as(one, ann, 'POST', '/messages', { content: 'hello' })).body
  const react = () =>
    Promise.all(
      ['a', 'b', 'c', 'd', 'e'].flatMap(key => [
        as(two, bob, 'PUT', `/messages/${seq}/reactions/${key}`),
        as(two, bob, 'POST', '/messages', { content: key })
      ])
    )
  for (const [method, path, body, condition] of [
    ['PUT', `/mutes/${bob.id}`, {}, `'event' = 'muted'`],
    ['PATCH', '', { archived: true }, `'archived' = 'true'`],
    ['PATCH', '', { archived: false }, ''],
    ['PUT', `/bans/${bob.id}`, {}, `'event' = 'banned'`]
  ] as const) {
    const [changed] = await Promise.all([as(one, ann, method, path, body), react()])
    expect(changed.status).toBeLessThan(300)
    if (condition !== '') expect(await after(condition, bob)).toEqual([])
    if (path.startsWith('/mutes')) await as(one, ann, 'DELETE', path)
  }
})
