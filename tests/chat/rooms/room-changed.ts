/**
 * Tests that a change of a room reaches other processes over any bus. The chats have no change feed, so only the bus can notify
 * them.
 */
import { expect, onTestFinished } from 'vitest'
import type { Bus } from '../../../src/bus/bus.ts'
import type { MemoryChatOptions } from '../../support/memory-chat.ts'
import { createMemoryChat, stopChat } from '../../support/memory-chat.ts'

const ann = { userId: 1, username: 'ann', expiresAt: 4e12 }

/**
 * Changes a room's title on one process. Expects the new title on a process that has loaded the room, and on a process that
 * loads the room later.
 */
export const expectTitleEverywhere = async (
  storage: Pick<MemoryChatOptions, 'rooms' | 'messages'>,
  createBus: () => Bus
): Promise<void> => {
  const chats = [0, 1, 2].map(() => createMemoryChat({ ...storage, bus: createBus() }))
  onTestFinished(async () => void (await Promise.all(chats.map(chat => stopChat(chat)))))
  await Promise.all(chats.map(chat => chat.start()))
  const [one, two, three] = chats
  const titleOn = async (chat = one) => (await chat?.rooms.show(ann, 'general'))?.title
  for (const chat of [one, two]) expect(await titleOn(chat)).not.toBe('Lobby')
  expect(await one?.rooms.change('general', { title: 'Lobby' })).toMatchObject({ room: 'general', title: 'Lobby' })
  expect(await titleOn(one)).toBe('Lobby')
  await expect.poll(() => titleOn(two)).toBe('Lobby')
  expect(await titleOn(three)).toBe('Lobby')
  await two?.rooms.change('general', { title: null })
  for (const chat of chats) await expect.poll(() => titleOn(chat)).toBeNull()
  await expect(one?.rooms.change('nowhere', { title: 'x' })).rejects.toMatchObject({ code: 'room_not_found' })
}
