/** Tests pins of the SDK against the real service. */
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { type ChatClient, createChatClient } from '../../client/src/index.ts'
import { startChat } from '../support/start-chat.ts'

const start = async () => {
  const chat = await startChat()
  const join = async (username: string): Promise<ChatClient> => {
    const { token } = await chat.register(username)
    const client = createChatClient({ url: chat.url, token, WebSocket, timing: { backoffBase: 20 } })
    onTestFinished(() => client.close())
    return client
  }
  const [ada, bob] = [await join('ada'), await join('bob')]
  await ada.api.createRoom('team')
  await bob.api.putMember('team', 'me')
  const [mine, theirs] = [ada.room('team'), bob.room('team')]
  for (const room of [mine, theirs]) await expect.poll(() => room.state.status).toBe('live')
  const { seq } = await bob.api.post('team', 'keep this')
  for (const room of [mine, theirs]) await expect.poll(() => room.state.messages.length).toBe(1)
  return { ada, bob, mine, theirs, seq }
}

test('pins and unpins a message for everybody, once each', async () => {
  const { ada, mine, theirs, seq } = await start()
  const seen: string[] = []
  theirs.on('update', change => change.type === 'pin' && seen.push(change.action))
  for (let count = 0; count < 2; count++) {
    const { nonce } = mine.pin(seq)
    expect(mine.state.messages[0]?.pinned).toBe(true)
    expect(await mine.settled(nonce)).toMatchObject({ status: 'sent' })
  }
  await expect.poll(() => theirs.state.messages[0]?.pinned).toBe(true)
  await expect.poll(() => mine.state.changes).toEqual([])
  expect((await ada.api.pins('team')).messages).toMatchObject([{ seq, content: 'keep this', pinned: true }])
  await mine.settled(mine.pin(seq, { remove: true }).nonce)
  await expect.poll(() => theirs.state.messages[0]).not.toHaveProperty('pinned')
  expect((await ada.api.pins('team')).messages).toEqual([])
  expect(seen).toEqual(['added', 'removed'])
})

test('reverts the pin of a member who may not pin, and ends the pin of a deleted message', async () => {
  const { mine, theirs, seq } = await start()
  const { nonce } = theirs.pin(seq)
  expect(await theirs.settled(nonce)).toMatchObject({ status: 'failed', error: { code: 'not_allowed' } })
  expect(theirs.state.messages[0]).not.toHaveProperty('pinned')
  await mine.settled(mine.pin(seq).nonce)
  await expect.poll(() => theirs.state.messages[0]?.pinned).toBe(true)
  theirs.delete(seq)
  await expect.poll(() => mine.state.messages[0]?.unavailable).toBe('erased')
  expect(mine.state.messages[0]).not.toHaveProperty('pinned')
})

test('sends a pin that was made without a connection', async () => {
  const { ada, mine, theirs, seq } = await start()
  ada.close()
  const { nonce } = mine.pin(seq)
  expect(mine.state.messages[0]).toMatchObject({ pinned: true, pending: true })
  ada.connect()
  expect(await mine.settled(nonce)).toMatchObject({ status: 'sent' })
  await expect.poll(() => theirs.state.messages[0]?.pinned).toBe(true)
})
