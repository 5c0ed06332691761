/** Tests the HTTP route that lists messages, with the parameter `notices=true`, which adds notices to the list. */
import { expect, test } from 'vitest'
import { testDatabase } from '../support/database.ts'
import { lastQuery, recordedQueries, recordQueries } from '../support/plans.ts'
import { startRooms } from '../support/rooms.ts'

interface Item {
  readonly seq: number
  readonly type?: string
  readonly content: string | null
}

/** Starts a chat with a room whose log has messages, notices and reactions. */
const start = async () => {
  const database = await testDatabase()
  recordQueries(database.client)
  const chat = await startRooms(['ann', 'bob'], { database })
  const { as, people, create, put } = chat
  const [ann, bob] = people
  const path = '/api/chat/rooms/team'
  await create(ann, { room: 'team' })
  const post = async (content: string): Promise<number> =>
    (await as(ann, 'POST', `${path}/messages`, { content })).body.seq
  const react = (seq: number, key: string) => as(bob, 'PUT', `${path}/messages/${seq}/reactions/${key}`)
  const first = await post('first')
  await react(first, 'a')
  await put(ann, 'team', bob.id)
  for (const key of ['b', 'c', 'd']) await react(first, key)
  await as(ann, 'PATCH', path, { topic: 'Topic' })
  const last = await post('last')
  await as(ann, 'PUT', `${path}/pins/${first}`)
  await react(first, 'e')
  const list = async (query: string) => (await as(bob, 'GET', `${path}/messages?${query}`)).body
  const shown = async (query: string) =>
    ((await list(query)).messages as Item[]).map(({ type, content }) => type ?? content)
  return { ...chat, as, ann, bob, post, list, shown, first, last, path }
}

test('lists with notices contain the changes of members, of the room and of pins, which count towards the limit', async () => {
  const { list, shown, last } = await start()
  const all = ['first', 'membership', 'room', 'last', 'pin']
  expect(await shown('notices=true')).toEqual(all)
  expect(await shown('')).toEqual(['first', 'last'])
  expect(await shown('notices=false')).toEqual(['first', 'last'])
  expect(await shown('notices=true&limit=2')).toEqual(['last', 'pin'])
  expect(await list('notices=true&limit=2')).toMatchObject({ has_more: true })
  expect(await shown(`notices=true&before=${last}`)).toEqual(['first', 'membership', 'room'])
  expect(await list(`notices=true&before=${last}`)).toMatchObject({ has_more: false })
  expect(await shown(`notices=true&before=${last}&limit=2`)).toEqual(['membership', 'room'])
  expect(await shown('notices=true&view=messages&after=1')).toEqual(['membership', 'room', 'last', 'pin'])
  expect(await shown('notices=true&view=messages&after=1&limit=1')).toEqual(['membership'])
  expect(await shown(`notices=true&around=${last}`)).toEqual(all)
  expect(await shown(`notices=true&around=${last}&limit=3`)).toEqual(['room', 'last', 'pin'])
  expect(await list(`notices=true&around=${last}&limit=2`)).toMatchObject({ has_more: true, has_newer: true })
  expect(await list(`notices=true&around=${last}&limit=4`)).toMatchObject({ has_more: true, has_newer: false })
  expect(await shown('notices=true&after=0')).toEqual((await list('after=0')).messages.map(nameOf))
})

const nameOf = ({ type, content }: Item) => type ?? content

test('notices have the fields of their entries, without a text', async () => {
  const { list, bob, first } = await start()
  expect((await list('notices=true')).messages).toMatchObject([
    { content: 'first', pinned: true },
    { type: 'membership', subject: bob.id, event: 'added', content: null, created_at: expect.any(String) },
    { type: 'room', topic: 'Topic', content: null },
    { content: 'last' },
    { type: 'pin', target: first, action: 'added', content: null }
  ])
})

test('lists with notices need few more queries with 10,000 other entries in between, and contain none of these entries', async () => {
  const { list, shown, post, database } = await start()
  const sql = (text: string) => database.client.query(text.replaceAll('@', `"${database.schema}".`))
  const count = async (query: string): Promise<number> => {
    const before = recordedQueries()
    await list(query)
    return recordedQueries() - before
  }
  const query = 'notices=true&limit=50'
  await list(query)
  const plain = await count(query)
  const room = `(select id from @rooms where name = 'team')`
  const [head] = (await sql(`select last_seq::integer as seq from @rooms where name = 'team'`)) as { seq: number }[]
  const seq = head?.seq ?? 0
  await sql(`insert into @messages (room_id, seq, kind, target_seq, user_id, write_id, created_at)
    select ${room}, ${seq} + n, 'reaction', 1, 1, 'many ' || n, now() from generate_series(1, 10000) as n`)
  await sql(`insert into @others (room_id, seq, message_seq, n, detail)
    select ${room}, ${seq} + n, ${seq - 2}, 100 + n, '{"key":"a","action":"added","count":1}' from generate_series(1, 10000) as n`)
  await sql(`update @rooms set last_seq = last_seq + 10000 where name = 'team'`)
  await post('after many')
  await expect.poll(async () => (await list(query)).seq).toBe(seq + 10_001)
  expect(await shown(query)).toEqual(['first', 'membership', 'room', 'last', 'pin', 'after many'])
  const many = await count(query)
  expect(many, lastQuery().query).toBeLessThanOrEqual(plain + 2)
  expect(await count(`${query}&around=${seq + 5000}`)).toBeLessThanOrEqual(plain + 3)
})
