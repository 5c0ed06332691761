/** Tests the commands about members and private rooms against the real service, without a screen. */
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { createChatClient } from '../../client/src/index.ts'
import { type Conversation, createConversation } from '../../src/tui/screen/conversation.ts'
import { type RunningChat, startChat } from '../support/start-chat.ts'

const open = async (chat: RunningChat, username: string): Promise<Conversation> => {
  const { token } = await chat.register(username)
  const client = createChatClient({ url: chat.url, token, WebSocket })
  onTestFinished(() => client.close())
  const conversation = createConversation(client, 'general', () => username)
  await until(conversation, ({ view }) => view.room.status === 'live')
  return conversation
}

/** Resolves when the condition is satisfied. */
const until = (conversation: Conversation, isSo: (conversation: Conversation) => boolean): Promise<void> =>
  new Promise(resolve => {
    if (isSo(conversation)) return resolve()
    const stop = conversation.subscribe(() => {
      if (!isSo(conversation)) return
      stop()
      resolve()
    })
  })

const noticed = (conversation: Conversation, text: string): Promise<void> =>
  until(conversation, ({ view }) => view.notices.some(one => one.text === text))

test('creates a private room, adds and removes a member, and notifies both', async () => {
  const chat = await startChat()
  const [ada, bob] = [await open(chat, 'ada'), await open(chat, 'bob')]
  ada.submit('/private Plans for May')
  await until(ada, ({ view }) => view.label === 'Plans for May (private)' && view.room.status === 'live')
  ada.submit('/invite @Bob')
  await noticed(ada, 'You added bob')
  ada.submit('/members')
  await noticed(ada, 'Members: ada (owner), bob')
  ada.submit('/leave')
  await until(ada, ({ view }) => view.notices.some(({ text }) => /owner/.test(text) && !text.startsWith('Members')))

  bob.submit('/rooms')
  await noticed(bob, 'Rooms: #general, Plans for May (private)')
  bob.submit('/room plans for may')
  await until(bob, ({ view }) => view.name === ada.view.name && view.room.status === 'live')
  ada.submit('hello')
  await until(bob, ({ view }) => view.room.messages.length === 1)
  ada.submit('/kick bob')
  await noticed(bob, 'ada removed you')
  await until(bob, ({ view }) => view.room.status === 'left')
  expect(bob.view.room.error?.code).toBe('removed')
  await noticed(ada, 'You removed bob')
  bob.submit('too late')
  await until(bob, ({ view }) => view.room.outgoing[0]?.status === 'failed')
  expect(bob.view.room.outgoing[0]?.error?.code).toBe('room_not_found')
})

test('opens the same direct room from both sides, and leaves a private room', async () => {
  const chat = await startChat()
  const [ada, bob] = [await open(chat, 'ada'), await open(chat, 'bob')]
  ada.submit('/dm bob')
  await until(ada, ({ view }) => view.label === '@bob')
  bob.submit('/dm ada')
  await until(bob, ({ view }) => view.label === '@ada' && view.room.status === 'live')
  expect(bob.view.name).toBe(ada.view.name)
  ada.submit('/private')
  await until(ada, ({ view }) => /^#p\..* \(private\)$/.test(view.label) && view.room.status === 'live')
  ada.submit('/leave')
  await noticed(ada, 'You are no longer a member of this room.')
  await until(ada, ({ view }) => view.room.status === 'left')
})
