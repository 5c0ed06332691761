/**
 * Tests the digest of the memberships and the sums of the read marks. With them, a process finds changes without a
 * notification.
 */
import { expect, test } from 'vitest'
import { marksOf, membershipsDigest, NO_ROOMS } from '../../../src/chat/inbox/digest.ts'
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

test('computes the same sums of marks as the database', async () => {
  const { call, register, database } = await startChat()
  const { id, token } = await register('ada')
  const rooms = ['one', 'two', 'three']
  for (const room of rooms) await call('POST', '/api/chat/rooms', { token, body: { room } })
  const sums = async () => {
    const [found] = await database.inbox.digests([id])
    const expected = marksOf(await database.inbox.ofUser(id))
    expect(found).toMatchObject(expected)
    return expected
  }
  const [before] = [await sums()]
  expect(before.unreadRooms).toBe(0)
  for (const room of rooms) {
    const path = `/api/chat/rooms/${room}`
    await call('POST', `${path}/messages`, { token, body: { content: 'a' } })
    await call('PUT', `${path}/read`, { token, body: room === 'one' ? {} : { unread: true } })
  }
  await call('GET', '/api/chat/inbox', { token })
  const after = await sums()
  expect(after.readSeqs).toBeGreaterThan(before.readSeqs)
  expect(after.unreadRooms).toBeGreaterThan(0)
})
