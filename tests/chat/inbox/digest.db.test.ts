/** Tests the digest that finds memberships and roles whose notification was lost. */
import { expect, test } from 'vitest'
import { membershipsDigest, NO_ROOMS } from '../../../src/chat/inbox/digest.ts'
import { startChat } from '../../support/start-chat.ts'

test('computes the same digest as the database, and another one after a change of a role', async () => {
  const { call, register, database } = await startChat()
  const [ada, bob] = [await register('ada'), await register('bob')]
  const digestOf = async (): Promise<string> => {
    const [found] = await database.inbox.digests([bob.id])
    const digest = found?.digest ?? NO_ROOMS
    expect(membershipsDigest(await database.inbox.ofUser(bob.id))).toBe(digest)
    return digest
  }
  const digests = [await digestOf()]
  for (const room of ['one', 'two']) await call('POST', '/api/chat/rooms', { token: ada.token, body: { room } })
  for (const [room, role] of [
    ['one', 'member'],
    ['two', 'member'],
    ['two', 'moderator'],
    ['two', 'owner']
  ]) {
    const path = `/api/chat/rooms/${room}/members/${bob.id}`
    expect((await call('PUT', path, { token: ada.token, body: { role } })).status).toBeLessThan(300)
    digests.push(await digestOf())
  }
  expect(new Set(digests).size).toBe(5)
})
