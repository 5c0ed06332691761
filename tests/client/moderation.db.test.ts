/** Tests moderation, invitations, blocks and reports of the SDK against the real service. */
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { type ChatClient, createChatClient, createInvitationApi, createSafetyApi } from '../../client/src/index.ts'
import { startChat } from '../support/start-chat.ts'

/** Starts the service with three users, each with a client and the functions that call HTTP. */
const start = async () => {
  const chat = await startChat()
  const join = async (username: string) => {
    const { id, token } = await chat.register(username)
    const client: ChatClient = createChatClient({ url: chat.url, token, WebSocket, timing: { backoffBase: 20 } })
    onTestFinished(() => client.close())
    const options = { url: chat.url, token }
    return { id, client, api: client.api, invitations: createInvitationApi(options), safety: createSafetyApi(options) }
  }
  return { ada: await join('ada'), bob: await join('bob'), eve: await join('eve') }
}

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
