/** Tests the commands about members and private rooms against the real service, without a screen. */
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { createChatClient, type Refusal } from '../../client/src/index.ts'
import { createApis } from '../../src/tui/apis.ts'
import { type Conversation, createConversation } from '../../src/tui/screen/conversation.ts'
import { refusalText } from '../../src/tui/screen/refusals.ts'
import { type RunningChat, startChat } from '../support/start-chat.ts'

const open = async (chat: RunningChat, username: string): Promise<Conversation> => {
  const { token } = await chat.register(username)
  const client = createChatClient({ url: chat.url, token, WebSocket })
  onTestFinished(() => client.close())
  const apis = createApis({ url: chat.url, token })
  const conversation = createConversation({ client, apis, room: 'general', userOf: () => username })
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
  // The inbox gets a new room up to a second late. Until then, the room is listed after the others.
  await until(bob, ({ view }) =>
    view.notices.some(({ text }) => /^Rooms, .*:\n(#general\n)?Plans for May \(private\)/.test(text))
  )
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

test('invites with a code, moderates, and shows the refusals', async () => {
  const chat = await startChat()
  const [ada, bob] = [await open(chat, 'ada'), await open(chat, 'bob')]
  const messages = (one: Conversation) => one.view.room.messages
  ada.submit('/private Plans')
  await until(ada, ({ view }) => view.label === 'Plans (private)' && view.room.status === 'live')
  ada.submit('/invite')
  await until(ada, ({ view }) => view.notices.some(({ text }) => /^10 people can join/.test(text)))
  const [, code] =
    /\/join ([\w-]+)/.exec(
      ada.view.notices
        .map(({ text }) => text)
        .join('\n')
        .split('10 people')[1] ?? ''
    ) ?? []
  ada.submit('unread by bob')
  bob.submit(`/join ${code}`)
  await until(bob, ({ view }) => view.label === 'Plans (private)' && messages(bob).length === 1)
  const { seq = 0 } = messages(bob)[0] ?? {}

  ada.submit(`/pin #${seq}`)
  await noticed(bob, `ada pinned #${seq}`)
  bob.submit('/pins')
  await noticed(bob, `Pinned messages, newest pin first:\n#${seq} ada: unread by bob`)
  bob.submit('/mute ada')
  await noticed(bob, 'You may not do this in this room. Ask a moderator or an owner of the room.')

  ada.submit('/mute bob 1h too loud')
  await until(bob, ({ view }) =>
    view.notices.some(({ text }) => /^ada muted you until [\d-]+ [\d:]+: too loud$/.test(text))
  )
  bob.submit('muted')
  await until(bob, ({ view }) => view.room.outgoing[0]?.status === 'failed')
  expect(refusalText(bob.view.room.outgoing[0]?.error as Refusal)).toMatch(
    /^You are muted .* This ends on [\d-]+ [\d:]+\.$/
  )
  bob.submit('/discard')
  ada.submit('/unmute bob')
  await noticed(bob, 'ada unmuted you')
  ada.submit('/slow 60')
  await noticed(bob, 'ada set slow mode to 1 minute')
  bob.submit('one')
  bob.submit('two')
  await until(bob, ({ view }) => view.room.outgoing.some(({ waitsUntil }) => waitsUntil !== undefined))
  bob.submit('/discard')
  ada.submit('/slow 0')
  await noticed(bob, 'ada turned off slow mode')
  ada.submit('/archive')
  await noticed(bob, 'ada archived the room: nobody can post')
  ada.submit('/unarchive')
  await noticed(bob, 'ada ended the archive of the room')

  bob.submit(`/report ${seq} not nice`)
  await until(bob, ({ view }) => view.notices.some(({ text }) => text.startsWith(`You reported #${seq}.`)))
  ada.submit('/reports')
  await until(ada, ({ view }) =>
    view.notices.some(({ text }) => text.includes(`#${seq} ada: unread by bob (by bob: not nice)`))
  )
  ada.submit('/dismiss 1')
  await noticed(ada, 'The report is dismissed, and the message stays.')
  bob.submit('/restrictions')
  await noticed(bob, 'You may not do this in this room. Ask a moderator or an owner of the room.')
  bob.submit('/room general')
  await until(bob, ({ view }) => view.name === 'general')
  ada.submit('news')
  await until(bob, ({ view }) => view.unread === 'unread: Plans (private) (1 unread)')
  bob.submit('/room plans')
  await until(
    bob,
    ({ view }) => view.label === 'Plans (private)' && view.room.messages.some(({ content }) => content === 'news')
  )
  bob.seen(undefined)
  await until(bob, ({ view }) => view.unread === '')
  ada.submit('/ban bob')
  await until(bob, ({ view }) => view.room.status === 'left')
  expect(bob.view.room.error?.code).toBe('banned')
  await noticed(ada, 'You banned bob')
  ada.submit('/restrictions')
  await until(ada, ({ view }) => view.notices.some(({ text }) => text.endsWith('\nbob is banned without an end')))
  ada.submit('/unban BOB')
  await noticed(ada, 'You unbanned bob')
})

test('blocks a user, and hides a direct room', async () => {
  const chat = await startChat()
  const [ada, bob] = [await open(chat, 'ada'), await open(chat, 'bob')]
  ada.submit('/dm bob')
  await until(ada, ({ view }) => view.label === '@bob' && view.room.status === 'live')
  ada.submit('/block bob')
  await until(ada, ({ view }) => view.blocked.size === 1)
  bob.submit('/dm ada')
  await until(bob, ({ view }) => view.room.status === 'refused' || view.label === '@ada' || view.notices.length > 0)
  ada.submit('/unblock Bob')
  await noticed(ada, 'You no longer block bob.')
  ada.submit('/unblock bob')
  await noticed(ada, 'You have not blocked bob.')
  ada.submit('/hide')
  await noticed(ada, 'This room is hidden from /rooms until its next message.')
})
