/**
 * Tests deletions with several processes. Only one process performs each deletion, and all processes stop delivering erased
 * texts.
 */
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { createChatClient, type Message } from '../../client/src/index.ts'
import { createDeletionJob } from '../../src/accounts/deletion/job.ts'
import type { Bus } from '../../src/bus/bus.ts'
import { createMemoryBus, createMemoryNetwork } from '../../src/bus/drivers/memory.ts'
import { accountsContext } from '../support/accounts.ts'
import { fakeClock } from '../support/clock.ts'
import { testDatabase } from '../support/database.ts'
import { type Person, type RunningChat, startChat } from '../support/start-chat.ts'

const settings = { messageRateLimit: 0, connectionsPerUser: 0 }

const post = ({ call }: RunningChat, { token }: Person, content: string) =>
  call('POST', '/api/chat/rooms/general/messages', { token, body: { content } })

const contents = async ({ call }: RunningChat, { token }: Person): Promise<unknown[]> => {
  const { body } = await call('GET', '/api/chat/rooms/general/messages', { token })
  return body.messages.map(({ content, unavailable }: Message) => content ?? unavailable)
}

const eraseMe = ({ call }: RunningChat, { token }: Person) =>
  call('DELETE', '/api/users/me', { token, body: { erase: true } })

/** Functions that do nothing, because the users of these tests are members of no room. */
const withoutRooms = { promote: async () => {}, remove: async () => {}, archive: async () => {} }

test('two processes that look for deletions at the same time perform each deletion once, with one erasure per room', async () => {
  const database = await testDatabase()
  const names = ['general', 'two', 'three']
  for (const name of names.slice(1)) await database.rooms.create({ name, title: null })
  const rooms = await database.rooms.findByNames(names)
  const users: number[] = []
  for (let at = 0; at < 6; at++) {
    const { id } = await database.users.create({ username: `user-${at}`, hashedPassword: 'x' })
    users.push(id)
    for (const room of rooms) {
      const entry = { roomId: room.id, userId: id, kind: 'message', content: 't', meta: null, keyId: 'k' }
      await database.messages.append([
        { ...entry, writeId: 'a' },
        { ...entry, writeId: 'b' }
      ])
    }
    await database.transaction(({ deletions }) => deletions.begin(id, true))
  }
  const erased: string[] = []
  const jobs = ['one', 'two'].map(() =>
    createDeletionJob({
      ...accountsContext(database),
      ...withoutRooms,
      nameHoldDays: 90,
      async appendErasure({ roomId, userId, upTo }) {
        erased.push(`${userId} ${roomId}`)
        const detail = JSON.stringify({ subject: userId })
        const entry = { roomId, userId, writeId: `·erasure-${upTo}`, kind: 'erasure', content: null, meta: null }
        await database.messages.append([{ ...entry, keyId: null, detail }])
      }
    })
  )
  onTestFinished(async () => void (await Promise.all(jobs.map(job => job.stop()))))
  for (const job of jobs) job.start()
  const inSchema = `"${database.schema}"`
  const steps = async () => {
    const rows = await database.client.query<{ step: string }>(`select distinct step from ${inSchema}.deletions`)
    return rows.map(({ step }) => step)
  }
  await expect.poll(steps).toEqual(['sweep'])
  expect(erased.length).toBe(users.length * rooms.length)
  expect(new Set(erased).size).toBe(erased.length)

  await database.client.query(`update ${inSchema}.deletions set requested_at = requested_at - interval '3 minutes'`)
  for (const job of jobs) job.wake()
  const statuses = async () => [...(await database.users.findByIds(users)).values()].map(({ status }) => status)
  await expect.poll(statuses).toEqual(users.map(() => 'deleted'))
  for (const { id } of rooms) {
    const entries = await database.messages.range(id, 1, 100)
    expect(entries.filter(({ content }) => content !== null)).toEqual([])
    expect(entries.filter(({ kind }) => kind === 'erasure')).toHaveLength(users.length)
  }
  for (const userId of users) expect(await database.audit.list({ userId, event: 'account_deleted' }, 9)).toHaveLength(1)
})

test('a long erasure does not delay the anonymization of other users', async () => {
  const database = await testDatabase()
  await database.rooms.create({ name: 'two', title: null })
  const create = (username: string) => database.users.create({ username, hashedPassword: 'x' })
  const [john, jane, ada] = [await create('john'), await create('jane'), await create('ada')]
  const rooms = await database.rooms.findByNames(['general', 'two'])
  for (const { id: roomId } of rooms) {
    const entry = { roomId, userId: john.id, kind: 'message', content: 't', meta: null, keyId: 'k' }
    await database.messages.append([{ ...entry, writeId: 'a' }])
  }
  const begin = (user = john, isErased = false) =>
    database.transaction(({ deletions }) => deletions.begin(user.id, isErased))
  const namesOf = async () => {
    const users = await database.users.findByIds([jane.id, ada.id])
    return [jane, ada].map(({ id }) => users.get(id)?.username)
  }
  const names: (string | undefined)[][] = []
  const job = createDeletionJob({
    ...accountsContext(database),
    ...withoutRooms,
    nameHoldDays: 90,
    async appendErasure() {
      names.push(await namesOf())
      if (names.length === 1) await begin(ada)
    }
  })
  onTestFinished(() => job.stop())
  await begin(john, true)
  job.start()
  await expect.poll(() => names.length).toBe(2)
  expect(names).toEqual([
    ['jane', 'ada'],
    ['jane', `deleted user ${ada.id}`]
  ])
  // A deletion in the step `anonymize` is leased before an older deletion in another step.
  await begin(jane)
  const lease = () => database.deletions.lease({ leaseMs: 1000, settleMs: 0 })
  await job.stop()
  await database.client.query(`update "${database.schema}".deletions set leased_until = null, step = 'erase',
    finished_at = null where user_id <> ${jane.id}`)
  await database.client.query(`update "${database.schema}".deletions set leased_until = null, step = 'anonymize',
    finished_at = null where user_id = ${jane.id}`)
  expect((await lease())?.userId).toBe(jane.id)
})

test('an erased text is not shown by another process that had cached it, and not by the SDK of its clients', async () => {
  const one = await startChat({ settings })
  const two = await startChat({ settings, database: one.database })
  const [john, jane] = [await one.register('john'), await one.register('jane')]
  const client = createChatClient({ url: two.url, token: jane.token, WebSocket })
  onTestFinished(() => client.close())
  const room = client.room('general')
  await expect.poll(() => room.state.status).toBe('live')
  for (const content of ['a', 'b']) await post(one, john, content)
  await post(one, jane, 'of jane')
  const shown = () => room.state.messages.map(({ content, unavailable }) => content ?? unavailable)
  await expect.poll(shown).toEqual(['a', 'b', 'of jane'])
  expect(await contents(two, jane)).toEqual(['a', 'b', 'of jane'])
  await eraseMe(one, john)
  await expect.poll(shown).toEqual(['erased', 'erased', 'of jane'])
  // The texts are cleared before the erasure is committed. The process `two` removes its cached pages before it delivers the
  // erasure to the SDK, so it now reads the cleared texts.
  expect(await contents(two, jane)).toEqual(['erased', 'erased', 'of jane'])
})

test('an erased text is shown by no process within six seconds if all notifications are lost', async () => {
  const clock = fakeClock(Date.now())
  const network = createMemoryNetwork()
  const lossy = (): Bus => ({ ...createMemoryBus(network), announce() {}, publish: () => true, listen: async () => {} })
  const one = await startChat({ settings, clock, bus: lossy() })
  const two = await startChat({ settings, clock, bus: lossy(), database: one.database })
  const [john, jane] = [await one.register('john'), await one.register('jane')]
  await post(one, john, 'a')
  clock.advance(5000)
  await expect.poll(() => contents(two, jane)).toEqual(['a'])
  await eraseMe(one, john)
  const room = await one.database.rooms.findByName('general')
  await expect
    .poll(async () => (await one.database.messages.range(room?.id ?? 0, 1, 9)).map(({ kind }) => kind))
    .toEqual(['message', 'erasure'])
  for (let second = 0; second < 6; second++) clock.advance(1000)
  for (const chat of [one, two]) expect(await contents(chat, jane)).toEqual(['erased'])
})
