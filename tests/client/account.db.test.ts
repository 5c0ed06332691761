/** Tests the SDK's functions for accounts and administrators against the real service. */
import { expect, test } from 'vitest'
import {
  type ChatApiError,
  createAccountApi,
  createAdminApi,
  createChatApi,
  createSession
} from '../../client/src/index.ts'
import { createAuthenticator } from '../support/authenticator.ts'
import { startIssuer } from '../support/issuer.ts'
import { PASSWORD, type RunningChat, startChat } from '../support/start-chat.ts'
import { startMailChat } from '../support/start-mail-chat.ts'
import { codeAt, STEP_MS } from '../support/two-factor.ts'

const NEW_PASSWORD = 'AnotherPass456'

const refusalOf = (work: Promise<unknown>): Promise<ChatApiError> =>
  work.then(
    () => Promise.reject(new Error('The call was not refused.')),
    error => error
  )

/** Logs a user in with a session of the SDK. */
const enter = async ({ url }: Pick<RunningChat, 'url'>, username: string, password = PASSWORD) => {
  const session = createSession({ url })
  await session.logIn({ username, password })
  return { session, account: createAccountApi({ url, token: session.token }) }
}

/** Sets the time of every proof of identity to an hour ago. */
const ageProof = ({ database }: RunningChat): Promise<unknown> =>
  database.client.query(`update ${database.schema}.sessions set proven_at = now() - interval '1 hour'`)

/** Starts a service with the administrator ada. */
const startAsAdmin = async (settings = {}) => {
  const chat = await startChat({ settings })
  const ada = await chat.register('ada')
  await chat.database.client.query(`update ${chat.database.schema}.users set role = 'admin' where id = ${ada.id}`)
  const { session, account } = await enter(chat, 'ada')
  return { chat, ada, account, admin: createAdminApi({ url: chat.url, token: session.token }) }
}

test('lists sessions, and ends another one after a proof', async () => {
  const chat = await startChat()
  await chat.register('ada')
  const { account } = await enter(chat, 'ada')
  const other = await enter(chat, 'ada')
  const { sessions } = await other.account.sessions()
  const { id = '' } = sessions.find(({ current }) => current) ?? {}
  await ageProof(chat)
  expect(await refusalOf(account.endSession(id))).toMatchObject({ status: 403, code: 'proof_required' })
  expect(await refusalOf(account.prove('WrongPass123'))).toMatchObject({ code: 'invalid_credentials' })
  await account.prove(PASSWORD)
  await account.endSession(id)
  const previous = await other.session.token()
  expect((await refusalOf(other.session.token({ previous, isRefused: true }))).status).toBe(401)
  expect((await account.sessions()).sessions.map(one => one.id)).not.toContain(id)
})

test('enters, verifies, changes and removes an address, and resets a forgotten password', async () => {
  const chat = await startMailChat()
  await createChatApi({ url: chat.url }).register('ada', PASSWORD, { email: 'ada@example.com' })
  const { account } = await enter(chat, 'ada')
  const [mail] = await chat.mail.to('ada@example.com')
  await account.verifyEmail(mail?.token ?? '')
  expect(await account.me()).toMatchObject({ email: 'ada@example.com', email_is_verified: true })
  await account.setEmail('new@example.com')
  expect(await account.me()).toMatchObject({ email: 'ada@example.com', pending_email: 'new@example.com' })
  const [changed] = await chat.mail.to('new@example.com')
  await account.verifyEmail(changed?.token ?? '')
  expect(await account.me()).toMatchObject({ email: 'new@example.com' })
  expect(await refusalOf(account.verifyEmail(changed?.token ?? ''))).toMatchObject({ code: 'link_expired' })

  await account.forgotPassword('nobody@example.com')
  await account.forgotPassword('new@example.com')
  const [reset] = await chat.mail.to('new@example.com', 2)
  await account.resetPassword(reset?.token ?? '', NEW_PASSWORD)
  const again = await enter(chat, 'ada', NEW_PASSWORD)
  await again.account.removeEmail()
  expect(await again.account.me()).not.toHaveProperty('email')
})

test('requests another link with the challenge of a login whose address is not verified', async () => {
  const chat = await startMailChat({ requireVerifiedEmail: true })
  const account = createAccountApi({ url: chat.url })
  await createChatApi({ url: chat.url }).register('ada', PASSWORD, { email: 'wrong@example.com' })
  const refusal = await refusalOf(enter(chat, 'ada'))
  expect(refusal).toMatchObject({ status: 403, code: 'email_not_verified' })
  await account.requestVerification(String(refusal.challenge), 'ada@example.com')
  const [mail] = await chat.mail.to('ada@example.com')
  await account.verifyEmail(mail?.token ?? '')
  expect(await (await enter(chat, 'ada')).account.me()).toMatchObject({ email: 'ada@example.com' })
})

test('proves with a code, replaces recovery codes, and removes the app', async () => {
  const chat = await startChat()
  await chat.register('ada')
  const { account } = await enter(chat, 'ada')
  const { secret } = await account.startTotp()
  const { recovery_codes: first } = await account.confirmTotp(codeAt(secret, Date.now()))
  await ageProof(chat)
  expect(await refusalOf(account.prove(PASSWORD))).toMatchObject({ code: 'second_factor_required' })
  await account.prove(PASSWORD, codeAt(secret, Date.now() + STEP_MS))
  const { recovery_codes: codes } = await account.createRecoveryCodes()
  const session = createSession({ url: chat.url })
  const { challenge } = await refusalOf(session.logIn({ username: 'ada', password: PASSWORD }))
  const logIn = (code: string | undefined) =>
    session.logInWithCode({ challenge: String(challenge), code: String(code) })
  expect(await refusalOf(logIn(first[0]))).toMatchObject({ code: 'invalid_code' })
  await logIn(codes[0])
  await account.removeTotp()
  expect(await account.factors()).toMatchObject({ totp: { is_enabled: false }, recovery_codes: { left: 0 } })
  await enter(chat, 'ada')
})

test('adds a passkey with recovery codes, logs in and proves with it, and removes it', async () => {
  const origin = 'https://chat.example.com'
  const chat = await startChat({ settings: { publicUrl: origin } })
  await chat.register('ada')
  const { account } = await enter(chat, 'ada')
  const key = createAuthenticator(origin)
  const { challenge, options } = await account.passkeyOptions()
  const added = await account.addPasskey({ challenge, name: 'Laptop', response: key.create(options) })
  expect(added.recovery_codes).toHaveLength(10)
  expect((await account.factors()).passkeys.items).toMatchObject([{ id: added.id, name: 'Laptop', is_usable: true }])

  const session = createSession({ url: chat.url })
  const logIn = async (first?: string) => {
    const ceremony = await account.passkeyLoginOptions(first)
    await session.logInWithPasskey({ challenge: ceremony.challenge, response: key.get(ceremony.options) })
  }
  await logIn()
  expect(session.state.status).toBe('active')
  await session.logOut()
  const refusal = await refusalOf(session.logIn({ username: 'ada', password: PASSWORD }))
  expect(refusal).toMatchObject({ code: 'second_factor_required', methods: expect.arrayContaining(['passkey']) })
  await logIn(refusal.challenge)
  expect(session.state.status).toBe('active')

  await ageProof(chat)
  const proof = await account.passkeyProofOptions()
  await account.proveWithPasskey({ challenge: proof.challenge, response: key.get(proof.options) })
  await account.removePasskey(added.id)
  expect((await account.factors()).passkeys.items).toEqual([])
})

test('deletes an account and erases its messages', async () => {
  const chat = await startChat()
  const ada = await chat.register('ada')
  const api = createChatApi({ url: chat.url, token: ada.token })
  await api.post('general', 'my secret')
  const { token } = await chat.register('bob')
  const { account } = await enter(chat, 'ada')
  await account.deleteAccount(true)
  const reader = createChatApi({ url: chat.url, token })
  await expect
    .poll(async () => (await reader.history('general')).messages)
    .toMatchObject([{ content: null, unavailable: 'erased', username: `deleted user ${ada.id}` }])
})

test('uses a token of another issuer', async () => {
  const issuer = await startIssuer()
  const { url } = await startChat({ settings: issuer.settings })
  const account = createAccountApi({
    url,
    token: () => issuer.token('person-1', { claims: { preferred_username: 'ada' } })
  })
  expect(await account.me()).toMatchObject({ username: 'ada' })
  expect(await refusalOf(account.endAllSessions())).toMatchObject({ code: 'proof_required' })
  expect(await account.exportData()).toContain('"complete":true')
})

test('invites a person, who registers', async () => {
  const { chat, admin } = await startAsAdmin({ registration: 'open' })
  const { invitation } = await admin.invite(1)
  const user = await createChatApi({ url: chat.url }).register('carol', PASSWORD, { invitation })
  expect(user).toMatchObject({ username: 'carol' })
  expect((await admin.audit()).events.length).toBeGreaterThan(0)
})

test('lets an administrator promote, demote, suspend, restore and delete a user', async () => {
  const { chat, admin } = await startAsAdmin()
  const bob = await chat.register('bob')
  expect(await admin.changeUser(bob.id, { role: 'admin' })).toMatchObject({ role: 'admin' })
  expect(await admin.changeUser(bob.id, { role: 'user' })).toMatchObject({ role: 'user' })
  expect(await admin.changeUser(bob.id, { status: 'suspended' })).toMatchObject({ status: 'suspended' })
  expect(await refusalOf(enter(chat, 'bob'))).toMatchObject({ code: 'account_suspended' })
  expect(await admin.changeUser(bob.id, { status: 'active' })).toMatchObject({ status: 'active' })
  const { session } = await enter(chat, 'bob')
  await admin.endSessions(bob.id)
  const previous = await session.token()
  expect((await refusalOf(session.token({ previous, isRefused: true }))).status).toBe(401)
  const { token = '' } = await admin.resetPassword(bob.id)
  await createAccountApi({ url: chat.url }).resetPassword(token, NEW_PASSWORD)
  await enter(chat, 'bob', NEW_PASSWORD)
  await admin.deleteUser(bob.id, true)
  expect(await refusalOf(enter(chat, 'bob', NEW_PASSWORD))).toMatchObject({ status: 401 })
  expect(await refusalOf(admin.deleteUser(bob.id))).toMatchObject({ code: 'user_not_found' })
})
