/** Tests who can register: everyone, people with an invitation, or nobody. */
import { expect, test } from 'vitest'
import { PASSWORD, type RunningChat, startChat } from '../support/start-chat.ts'

const register = async ({ call }: RunningChat, username: string, more: object = {}) => {
  const { status, body } = await call('POST', '/api/auth/register', { body: { username, password: PASSWORD, ...more } })
  return { status, code: body.code }
}

/** Starts a service with an administrator, and a second service on the same database that registers only invited people. */
const startInvited = async () => {
  const open = await startChat()
  const admin = await open.register('ada')
  await open.database.administration.change(null, admin.id, { role: 'admin' })
  const chat = await startChat({ database: open.database, settings: { registration: 'invite' } })
  const invite = (body: object = {}, path = chat) =>
    path.call('POST', '/api/admin/invitations', { token: admin.token, body })
  return { chat, admin, invite }
}

test('reserved names are refused in any case, and others that contain them are not', async () => {
  const chat = await startChat()
  const reserved = 'admin administrator root system moderator support everyone here all channel deleted'.split(' ')
  for (const name of [...reserved, 'Admin', 'SUPPORT']) {
    expect([name, await register(chat, name)]).toEqual([name, { status: 409, code: 'username_reserved' }])
  }
  expect(await register(chat, 'admin-2')).toMatchObject({ status: 201 })
})

test('nobody can register or be invited if the registration is closed', async () => {
  const { chat: invited, invite } = await startInvited()
  const chat = await startChat({ database: invited.database, settings: { registration: 'closed' } })
  const refused = { status: 403, code: 'registration_closed' }
  expect(await register(chat, 'john')).toEqual(refused)
  expect(await register(chat, 'john', { invitation: (await invite()).body.invitation })).toEqual(refused)
  expect(await invite({}, chat)).toMatchObject({ status: 403, body: { code: 'registration_closed' } })
})

test('an invitation is for one registration, and stays usable after a failed one', async () => {
  const { chat, admin, invite } = await startInvited()
  expect(await register(chat, 'john')).toEqual({ status: 403, code: 'invitation_required' })
  expect(await register(chat, 'ada', { invitation: 'x' })).toEqual({ status: 403, code: 'invalid_invitation' })
  const created = await invite()
  expect(created).toMatchObject({ status: 201, body: { invitation: expect.stringMatching(/^[\w-]{43}$/) } })
  const { invitation } = created.body
  expect(await register(chat, 'ADA', { invitation })).toEqual({ status: 409, code: 'username_taken' })
  const names = ['john-1', 'john-2', 'john-3', 'john-4']
  const results = await Promise.all(names.map(name => register(chat, name, { invitation })))
  expect(results.map(({ status }) => status).sort()).toEqual([201, 403, 403, 403])
  expect(await register(chat, 'jane', { invitation })).toEqual({ status: 403, code: 'invalid_invitation' })
  const { client, schema, audit } = chat.database
  expect(await client.query(`select id from "${schema}".users`)).toHaveLength(2)
  const events = (await audit.list({}, 100)).map(({ event, actorId, userId }) => ({ event, actorId, userId }))
  expect(events).toContainEqual({ event: 'invitation_created', actorId: admin.id, userId: null })
  expect(events.filter(({ event }) => event === 'invitation_used')).toHaveLength(1)
  expect(JSON.stringify(await client.query(`select * from "${schema}".audit`))).not.toContain(invitation)
})

test('an invitation expires, by default after three days', async () => {
  const { chat, invite } = await startInvited()
  const hoursOf = ({ body }: { body: { expires_at: string } }) => (Date.parse(body.expires_at) - Date.now()) / 3_600_000
  expect(hoursOf(await invite())).toBeCloseTo(72, 0)
  const short = await invite({ expires_in_hours: 1 })
  expect(hoursOf(short)).toBeCloseTo(1, 0)
  const { client, schema } = chat.database
  await client.query(`update "${schema}".one_time_tokens set expires_at = clock_timestamp()`)
  const { invitation } = short.body
  expect(await register(chat, 'john', { invitation })).toEqual({ status: 403, code: 'invalid_invitation' })
  for (const hours of [0, 721, 1.5]) expect((await invite({ expires_in_hours: hours })).status).toBe(422)
})

test('only an administrator with a recent proof can invite', async () => {
  const { chat, invite } = await startInvited()
  const { invitation } = (await invite()).body
  expect(await register(chat, 'john', { invitation })).toMatchObject({ status: 201 })
  const login = await chat.call('POST', '/api/auth/login', { body: { username: 'john', password: PASSWORD } })
  const asJohn = { token: login.body.access_token, body: {} }
  expect((await chat.call('POST', '/api/admin/invitations', asJohn)).body.code).toBe('not_allowed')
  const { client, schema } = chat.database
  await client.query(`update "${schema}".sessions set proven_at = null`)
  expect((await invite()).body.code).toBe('proof_required')
})
