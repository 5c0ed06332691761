/** Tests the read marks of the SDK against the real service. */
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { type ChatClient, createChatClient, type Room } from '../../client/src/index.ts'
import { engine } from '../support/database.ts'
import { type RunningChat, startChat } from '../support/start-chat.ts'
import { startTwoProcesses } from '../support/two-processes.ts'

const clientOf = (url: string, token: string): ChatClient => {
  const client = createChatClient({ url, token, WebSocket, timing: { backoffBase: 20 } })
  onTestFinished(() => client.close())
  return client
}

/** Registers two members of the room `team`. Their clients use the given processes. The first member has two clients. */
const start = async (one: RunningChat, two: RunningChat = one) => {
  const [ada, bob] = [await one.register('ada'), await one.register('bob')]
  const [laptop, phone, theirs] = [
    clientOf(one.url, ada.token),
    clientOf(two.url, ada.token),
    clientOf(two.url, bob.token)
  ]
  await laptop.api.createRoom('team')
  await theirs.api.putMember('team', 'me')
  const rooms = [laptop, phone, theirs].map(client => client.room('team')) as [Room, Room, Room]
  for (const room of rooms) await expect.poll(() => room.state.status).toBe('live')
  const seqs: number[] = []
  for (let count = 0; count < 4; count++) {
    const { seq } = await theirs.api.post('team', `message ${count}`)
    seqs.push(seq)
  }
  for (const room of rooms) await expect.poll(() => room.state.messages.length).toBe(4)
  return { ada, bob, laptop, phone, theirs, rooms, seqs: seqs as [number, number, number, number] }
}

const check = async (one: RunningChat, two?: RunningChat): Promise<void> => {
  const { ada, bob, laptop, rooms, seqs } = await start(one, two)
  const [mine, other, theirs] = rooms
  for (const room of rooms) await room.loadReads()
  // Bob's own messages have moved his mark.
  await expect.poll(() => mine.state.reads[bob.id]).toBe(seqs[3])
  mine.markRead(seqs[2])
  other.markRead(seqs[0])
  for (const room of rooms) await expect.poll(() => room.state.reads[ada.id]).toBe(seqs[2])
  mine.markRead()
  await expect.poll(() => theirs.state.reads[ada.id]).toBe(seqs[3])
  expect((await laptop.api.markRead('team', { up_to: 1 })).read_seq).toBe(seqs[3])
}

test('shows marks that arrive out of order on all clients, and never moves one back', async () =>
  check(await startChat()))

test.runIf(engine === 'postgres')('shows the marks of clients of another process', async () => {
  const { one, two } = await startTwoProcesses()
  await check(one, two)
})

test('sends a mark that was made without a connection, and shows later marks of others', async () => {
  const { ada, laptop, phone, rooms, seqs } = await start(await startChat())
  const [mine, other, theirs] = rooms
  await theirs.loadReads()
  laptop.close()
  mine.markRead(seqs[1])
  laptop.connect()
  await expect.poll(() => theirs.state.reads[ada.id]).toBe(seqs[1])
  // After the reconnection, a client must receive the read marks of other clients even if it sends no further mark itself.
  await expect.poll(() => mine.state.status).toBe('live')
  other.markRead(seqs[2])
  await expect.poll(() => mine.state.reads[ada.id]).toBe(seqs[2])
  expect(await phone.api.markRead('team', { unread: true })).toMatchObject({ read_seq: seqs[2], marked_unread: true })
})
