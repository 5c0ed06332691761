/** Tests moderation, invitations, blocks and reports of the SDK against the real service. */
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import {
  type ChatClient,
  createChatClient,
  createInvitationApi,
  createModerationApi,
  createSafetyApi,
  type Room
} from '../../client/src/index.ts'
import { startChat } from '../support/start-chat.ts'

/** Starts the service with three users, each with a client and the functions that call HTTP. */
const start = async () => {
  const chat = await startChat()
  const join = async (username: string) => {
    const { id, token } = await chat.register(username)
    const client: ChatClient = createChatClient({ url: chat.url, token, WebSocket, timing: { backoffBase: 20 } })
    onTestFinished(() => client.close())
    const options = { url: chat.url, token }
    return {
      id,
      client,
      api: client.api,
      moderation: createModerationApi(options),
      invitations: createInvitationApi(options),
      safety: createSafetyApi(options)
    }
  }
  return { ada: await join('ada'), bob: await join('bob'), eve: await join('eve') }
}

/** Creates the public room `team`, in which ada is the owner and bob a member. Both are subscribed. */
const startTeam = async () => {
  const { ada, bob, eve } = await start()
  await ada.api.createRoom('team')
  await bob.api.putMember('team', 'me')
  const [mine, theirs] = [ada.client.room('team'), bob.client.room('team')]
  for (const room of [mine, theirs]) await isLive(room)
  return { ada, bob, eve, mine, theirs }
}

const isLive = (room: Room) => expect.poll(() => room.state.status).toBe('live')

const sent = (room: Room, content: string) => room.settled(room.send(content).nonce)

test('mutes a user until a time, lists the mute, and ends it', async () => {
  const { ada, bob, mine, theirs } = await startTeam()
  const until = new Date(Date.now() + 3_600_000)
  const events: unknown[] = []
  theirs.on('membership', ({ event, subject, reason }) => events.push([event, subject, reason]))
  await ada.moderation.mute('team', bob.id, { until, reason: 'Spam' })
  const refused = await sent(theirs, 'hello')
  expect(refused).toMatchObject({ status: 'failed', error: { code: 'muted' } })
  expect(Date.parse(refused?.error?.until ?? '')).toBe(until.getTime())
  await expect(bob.api.post('team', 'hello')).rejects.toMatchObject({ code: 'muted', until: refused?.error?.until })
  expect((await ada.moderation.restrictions('team')).restrictions).toMatchObject([
    { user_id: bob.id, username: 'bob', kind: 'mute', reason: 'Spam', by: ada.id }
  ])
  await expect(bob.moderation.unmute('team', bob.id)).rejects.toMatchObject({ status: 403 })
  await ada.moderation.unmute('team', bob.id)
  expect(await sent(theirs, 'hello again')).toMatchObject({ status: 'sent' })
  await expect.poll(() => mine.state.messages.map(({ content }) => content)).toEqual(['hello again'])
  expect(events).toEqual([
    ['muted', bob.id, 'Spam'],
    ['unmuted', bob.id, undefined]
  ])
})

test('bans a user: ends their room, erases their messages, and lets them in again after the ban', async () => {
  const { ada, bob, mine, theirs } = await startTeam()
  await sent(theirs, 'spam')
  await expect.poll(() => mine.state.messages.length).toBe(1)
  const codes: string[] = []
  theirs.on('removed', ({ code }) => codes.push(code))
  await ada.moderation.ban('team', bob.id, { erase: 1 })
  await expect.poll(() => theirs.state.status).toBe('left')
  expect(codes).toEqual(['banned'])
  expect(theirs.state.messages).toEqual([])
  await expect.poll(() => mine.state.messages[0]).toMatchObject({ content: null, unavailable: 'erased' })
  await expect(bob.api.history('team')).rejects.toMatchObject({ code: 'banned' })
  const again = bob.client.room('team')
  await expect.poll(() => again.state).toMatchObject({ status: 'refused', error: { code: 'banned' } })
  again.leave()
  await ada.moderation.unban('team', bob.id)
  const back = bob.client.room('team')
  await isLive(back)
  expect(await sent(back, 'sorry')).toMatchObject({ status: 'sent' })
})

test('waits for slow mode, and shows the settings of the room', async () => {
  const { ada, theirs } = await startTeam()
  await ada.api.changeRoom('team', { slow_mode_seconds: 2 })
  await expect.poll(() => theirs.state.slow_mode_seconds).toBe(2)
  await sent(theirs, 'one')
  const startedAt = performance.now()
  const { nonce } = theirs.send('two')
  await expect.poll(() => theirs.state.outgoing[0]?.waitsUntil).toBeGreaterThan(Date.now())
  expect(await theirs.settled(nonce)).toMatchObject({ status: 'sent' })
  expect(performance.now() - startedAt).toBeGreaterThan(1000)
  await ada.api.changeRoom('team', { slow_mode_seconds: 0, archived: true })
  await expect.poll(() => theirs.state).toMatchObject({ slow_mode_seconds: 0, archived: true })
  expect(await sent(theirs, 'three')).toMatchObject({ status: 'failed', error: { code: 'room_archived' } })
  await ada.api.changeRoom('team', { archived: false, invite: 'moderators' })
  await expect.poll(() => theirs.state).toMatchObject({ archived: false, invite: 'moderators' })
})

test('deletes a room, which ends it for everybody', async () => {
  const { ada, bob, mine, theirs } = await startTeam()
  await expect(bob.moderation.deleteRoom('team')).rejects.toMatchObject({ code: 'not_allowed' })
  await ada.moderation.deleteRoom('team')
  for (const room of [mine, theirs])
    await expect.poll(() => room.state).toMatchObject({ status: 'left', error: { code: 'deleted' }, messages: [] })
  await expect(bob.api.showRoom('team')).rejects.toMatchObject({ code: 'room_not_found' })
})

test('invites people to a private room with a code, which can be revoked', async () => {
  const { ada, bob, eve } = await start()
  const { room } = await ada.api.createRoom({ visibility: 'private', title: 'Plans' })
  const { id, code, uses_left } = await ada.invitations.create(room, { uses: 2, expires_in_hours: 1 })
  expect(uses_left).toBe(2)
  expect(await bob.invitations.show(code)).toEqual({ room, title: 'Plans', members: 1 })
  expect(await bob.invitations.accept(code)).toEqual({ room })
  expect((await bob.api.rooms({ mine: true })).rooms).toMatchObject([{ room }])
  const { invitations } = await ada.invitations.list(room)
  expect(invitations).toMatchObject([{ id, username: 'ada', uses_left: 1 }])
  await ada.invitations.revoke(room, id)
  await expect(eve.invitations.accept(code)).rejects.toMatchObject({ status: 404, code: 'invitation_invalid' })
  await expect(eve.invitations.create(room)).rejects.toMatchObject({ code: 'room_not_found' })
})

test('blocks a user, with whom the direct room is then read-only', async () => {
  const { ada, bob } = await start()
  const { room } = await ada.api.openDirect([bob.id])
  const theirs = bob.client.room(room)
  await expect.poll(() => theirs.state.status).toBe('live')
  await ada.safety.block(bob.id)
  expect((await ada.safety.blocks()).blocks).toMatchObject([{ user_id: bob.id, username: 'bob' }])
  expect(await theirs.settled(theirs.send('hello').nonce)).toMatchObject({
    status: 'failed',
    error: { code: 'not_allowed' }
  })
  await ada.safety.unblock(bob.id)
  expect((await ada.safety.blocks()).blocks).toEqual([])
  expect(await theirs.settled(theirs.send('hello again').nonce)).toMatchObject({ status: 'sent' })
})

test('reports a message once, and lets a moderator delete it', async () => {
  const { ada, bob, eve, mine, theirs } = await startTeam()
  const spam = await sent(theirs, 'spam')
  const seq = spam?.seq ?? 0
  await eve.api.putMember('team', 'me')
  const { id } = await eve.safety.report('team', seq, 'Advertising')
  expect((await eve.safety.report('team', seq)).id).toBe(id)
  await expect(eve.moderation.reports('team')).rejects.toMatchObject({ code: 'not_allowed' })
  expect((await ada.moderation.reports('team', { state: 'open' })).reports).toMatchObject([
    { id, seq, reporter: { user_id: eve.id }, author: { user_id: bob.id }, content: 'spam', reason: 'Advertising' }
  ])
  await ada.moderation.resolveReport('team', id, 'deleted')
  await expect
    .poll(() => mine.state.messages.find(message => message.seq === seq))
    .toMatchObject({ content: null, unavailable: 'erased' })
  expect((await ada.moderation.reports('team', { state: 'open' })).reports).toEqual([])
})
