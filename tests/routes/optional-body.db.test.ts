/** Tests requests with an empty body. Some clients send the content type of JSON even with such a request. */
import { expect, test } from 'vitest'
import { ROOMS, startRooms } from '../support/rooms.ts'

test('PUT and DELETE accept an empty body with the content type of JSON', async () => {
  const { call, people, create } = await startRooms(['ann', 'bob', 'cat'])
  const [ann, bob] = people
  const { room } = await create(ann, { room: 'team' })
  const post = await call('POST', `${ROOMS}/${room}/messages`, { token: ann.token, body: { content: 'one' } })
  const own = `${ROOMS}/${room}/messages/${post.body.seq}`
  for (const [method, path, status] of [
    ['PUT', `${own}/reactions/ok`, 201],
    ['DELETE', `${own}/reactions/ok`, 201],
    ['PUT', `${ROOMS}/${room}/pins/${post.body.seq}`, 201],
    ['DELETE', `${ROOMS}/${room}/pins/${post.body.seq}`, 201],
    ['PUT', `${ROOMS}/${room}/members/${bob.id}`, 200],
    ['PUT', `${ROOMS}/${room}/mutes/${bob.id}`, 204],
    ['DELETE', `${ROOMS}/${room}/mutes/${bob.id}`, 204],
    ['PUT', `${ROOMS}/${room}/bans/${bob.id}`, 204],
    ['DELETE', `${ROOMS}/${room}/bans/${bob.id}`, 204],
    ['PUT', `/api/users/me/blocks/${bob.id}`, 204],
    ['DELETE', `/api/users/me/blocks/${bob.id}`, 204],
    ['DELETE', own, 201],
    ['DELETE', `${ROOMS}/${room}`, 204]
  ] as const) {
    const response = await call(method, path, { token: ann.token, body: '' })
    expect([method, path, response.status]).toEqual([method, path, status])
  }
})
