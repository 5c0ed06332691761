/** Tests that the author of a message in a public room becomes a member of the room. */
import { expect, test } from 'vitest'
import { ROOMS, startRooms } from '../../support/rooms.ts'
import type { Person } from '../../support/start-chat.ts'

const start = async () => {
  const chat = await startRooms(['ann', 'bob', 'cat'], { joinsPosters: true })
  const { as, people, database, roles } = chat
  const post = (person: Person, room = 'general') =>
    as(person, 'POST', `${ROOMS}/${room}/messages`, { content: 'text' })
  const sql = <Row extends object>(text: string) =>
    database.client.query<Row>(text.replaceAll('@', `"${database.schema}".`))
  const names = async (room = 'general') => Object.keys(await roles(people[0], room)).sort()
  const log = async (room = 'general') =>
    (await as(people[0], 'GET', `${ROOMS}/${room}/log`)).body.entries as { type: string; event?: string }[]
  return { ...chat, post, sql, names, log }
}

test('the first message makes its author a member with an entry, and later ones change nothing', async () => {
  const { people, post, names, log } = await start()
  const [ann, bob] = people
  for (let at = 0; at < 3; at++) await post(ann)
  await post(bob)
  await expect.poll(names).toEqual(['ann', 'bob'])
  await post(ann)
  await post(bob)
  // The service looks up authors in the order of their messages. So it looks up ann and bob again before cat is a member.
  await post(people[2])
  await expect.poll(names).toEqual(['ann', 'bob', 'cat'])
  const entries = await log()
  expect(entries.filter(({ type }) => type === 'membership')).toMatchObject([
    { event: 'joined', subject: ann.id, user_id: ann.id, role: 'member' },
    { event: 'joined', subject: bob.id },
    { event: 'joined', subject: people[2].id }
  ])
})

test('an author keeps the role, and one who has left becomes a member again with the next message', async () => {
  const { people, create, put, remove, post, names, roles, log } = await start()
  const [ann, bob, cat] = people
  await create(ann, { room: 'team' })
  await put(ann, 'team', bob.id, { role: 'moderator' })
  await post(bob, 'team')
  await remove(bob, 'team', 'me')
  await post(cat, 'team')
  await expect.poll(() => names('team')).toEqual(['ann', 'cat'])
  await post(ann, 'team')
  await post(bob, 'team')
  await expect.poll(() => roles(ann, 'team')).toEqual({ ann: 'owner', bob: 'member', cat: 'member' })
  expect((await log('team')).filter(({ event }) => event === 'joined')).toHaveLength(2)
})

test('a ban that follows the message at once keeps the author out', async () => {
  const { people, create, post, as, names } = await start()
  const [ann, bob, cat] = people
  await create(ann, { room: 'team' })
  await post(bob, 'team')
  expect(await as(ann, 'PUT', `${ROOMS}/team/bans/${bob.id}`, {})).toMatchObject({ status: 204 })
  await post(cat, 'team')
  await expect.poll(() => names('team')).toEqual(['ann', 'cat'])
})

test('the authors of messages in a large room become members without entries', async () => {
  const { people, post, sql, names, log, database } = await start()
  const general = (await database.rooms.findByName('general'))?.id ?? 0
  await sql(`insert into @members (room_id, user_id) select ${general}, n from generate_series(1001, 1150) as n`)
  await post(people[0])
  await post(people[1])
  const members = () => sql(`select from @members where room_id = ${general} and user_id < 1000`)
  await expect.poll(members).toHaveLength(2)
  expect((await log()).map(({ type }) => type)).toEqual(['message', 'message'])
  expect(await names()).toEqual(['ann', 'bob'])
})

test('a removal that is refused does not keep the author out', async () => {
  const { people, create, post, remove, names } = await start()
  const [ann, bob, cat] = people
  await create(ann, { room: 'team' })
  await post(bob, 'team')
  expect((await remove(cat, 'team', bob.id)).status).toBeGreaterThanOrEqual(400)
  await expect.poll(() => names('team')).toEqual(['ann', 'bob'])
})
