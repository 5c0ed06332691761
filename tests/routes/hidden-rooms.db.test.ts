/**
 * Tests that every route responds to a private room of other people as to a room that doesn't exist: with the same response,
 * after the same number of queries.
 */
import { expect, test } from 'vitest'
import { operations } from '../contract/document.ts'
import { fakeClock } from '../support/clock.ts'
import { testDatabase } from '../support/database.ts'
import { recordedQueries, recordQueries } from '../support/plans.ts'
import { ROOMS, seen, startRooms } from '../support/rooms.ts'

/** Every route with the name of a room in its path. */
const REQUESTS: Record<string, [method: string, path: string, body?: unknown]> = {
  'GET the room': ['GET', ''],
  'PATCH the room': ['PATCH', '', { title: 'x' }],
  'GET its presence': ['GET', '/presence'],
  'GET its messages': ['GET', '/messages'],
  'GET a message': ['GET', '/messages/1'],
  'GET reactions': ['GET', '/messages/1/reactions?key=ok'],
  'GET its log': ['GET', '/log'],
  'POST a message': ['POST', '/messages', { content: 'x' }],
  'PATCH a message': ['PATCH', '/messages/1', { content: 'x' }],
  'DELETE a message': ['DELETE', '/messages/1'],
  'PUT a reaction': ['PUT', '/messages/1/reactions/ok'],
  'DELETE a reaction': ['DELETE', '/messages/1/reactions/ok'],
  'GET its members': ['GET', '/members'],
  'join it': ['PUT', '/members/me'],
  'leave it': ['DELETE', '/members/me'],
  'PUT a member': ['PUT', '/members/1', { role: 'owner' }],
  'DELETE a member': ['DELETE', '/members/1'],
  'DELETE the room': ['DELETE', ''],
  'GET its restrictions': ['GET', '/restrictions'],
  'PUT a mute': ['PUT', '/mutes/1'],
  'DELETE a mute': ['DELETE', '/mutes/1'],
  'PUT a ban': ['PUT', '/bans/1'],
  'DELETE a ban': ['DELETE', '/bans/1'],
  'POST an invitation': ['POST', '/invitations'],
  'GET its invitations': ['GET', '/invitations'],
  'DELETE an invitation': ['DELETE', '/invitations/1'],
  'PUT a read mark': ['PUT', '/read', {}],
  'hide it': ['PUT', '/hidden'],
  'show it again': ['DELETE', '/hidden'],
  'GET its pins': ['GET', '/pins'],
  'PUT a pin': ['PUT', '/pins/1'],
  'DELETE a pin': ['DELETE', '/pins/1'],
  'report a message': ['POST', '/messages/1/report', {}],
  'GET its reports': ['GET', '/reports'],
  'resolve a report': ['POST', '/reports/1/resolve', { outcome: 'deleted' }]
}

test('every route with the name of a room is among these requests', () => {
  const templates = Object.values(REQUESTS).map(([method, path]) => {
    const template = path
      .replace(/\?.*/, '')
      .replace('/messages/1', '/messages/{seq}')
      .replace('/pins/1', '/pins/{seq}')
      .replace('/reactions/ok', '/reactions/{key}')
      .replace(/\/(members|mutes|bans)\/.+/, '/$1/{user}')
      .replace(/\/invitations\/.+/, '/invitations/{id}')
      .replace('/reports/1', '/reports/{id}')
    return `${method} ${ROOMS}/{room}${template}`
  })
  const documented = operations
    .filter(({ path }) => path.includes('{room}'))
    .map(({ method, path }) => `${method} ${path}`)
  expect([...new Set(templates)].sort()).toEqual(documented.sort())
})

test('a private room of other people looks like an absent one, at the same cost', async () => {
  const database = await testDatabase()
  recordQueries(database.client)
  // The timers of the service do not run, so that only requests query the database.
  const chat = await startRooms(['ann', 'bob'], { database, clock: fakeClock(Date.now()) })
  const [ann, bob] = chat.people
  const { room: loaded } = await chat.create(ann, { visibility: 'private' })
  await chat.as(ann, 'POST', `${ROOMS}/${loaded}/messages`, { content: 'secret' })
  const { name: unloaded } = await database.rooms.create({
    name: 'p.unloaded',
    title: null,
    visibility: 'private',
    owner: ann.id
  })

  // From now on, the user is cached, because the clock does not advance.
  await chat.as(bob, 'GET', '/api/users/me')
  for (const [name, [method, path, body]] of Object.entries(REQUESTS)) {
    const costOf = async (room: string) => {
      const before = recordedQueries()
      const response = await chat.as(bob, method, `${ROOMS}/${room}${path}`, body)
      return { ...seen(response), queries: recordedQueries() - before }
    }
    const absent = await costOf('p.absent')
    expect(absent, name).toMatchObject({ status: 404, body: { code: 'room_not_found' } })
    expect(absent.queries, name).toBeGreaterThan(0)
    expect(await costOf(loaded), name).toEqual(absent)
    expect(await costOf(unloaded), name).toEqual(absent)
  }
})
