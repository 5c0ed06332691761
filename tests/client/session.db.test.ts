/** Tests the SDK's sessions and account functions against the real service. */
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import {
  type ChatApiError,
  type ChatClient,
  createAccountApi,
  createAdminApi,
  createChatClient,
  createSession,
  type SessionOptions
} from '../../client/src/index.ts'
import { PASSWORD, type RunningChat, startChat } from '../support/start-chat.ts'
import { codeAt } from '../support/two-factor.ts'

const LOGIN = { username: 'ada', password: PASSWORD }

const start = async () => {
  const chat = await startChat()
  await chat.register('ada')
  return chat
}

/** Returns a storage that several sessions can share. */
const sharedStorage = () => {
  const entries = new Map<string, string>()
  return {
    getItem: (key: string) => entries.get(key) ?? null,
    setItem: (key: string, value: string) => void entries.set(key, value),
    removeItem: (key: string) => void entries.delete(key)
  }
}

const sessionOf = ({ url }: RunningChat, options: Partial<SessionOptions> = {}) => createSession({ url, ...options })

const stateOf = (client: ChatClient, status: string): Promise<void> =>
  new Promise(resolve => {
    if (client.state.status === status) return resolve()
    const stop = client.on('state', state => {
      if (state.status !== status) return
      stop()
      resolve()
    })
  })

const refusalOf = (work: Promise<unknown>): Promise<ChatApiError> =>
  work.then(
    () => Promise.reject(new Error('The call was not refused.')),
    error => error
  )

test('logs in, renews the token, is restored from the storage, and logs out', async () => {
  const chat = await start()
  const storage = sharedStorage()
  const session = sessionOf(chat, { storage })
  await session.logIn(LOGIN)
  const previous = await session.token()
  const renewed = await session.token({ previous, isRefused: true })
  expect(renewed).not.toBe(previous)
  const restored = sessionOf(chat, { storage })
  expect(await restored.restore()).toBe(true)
  const account = createAccountApi({ url: chat.url, token: restored.token })
  expect(await account.me()).toMatchObject({ username: 'ada', role: 'user' })
  expect((await account.sessions()).sessions.filter(({ current }) => current)).toHaveLength(1)
  await restored.logOut()
  expect((await refusalOf(session.token({ previous: renewed, isRefused: true }))).status).toBe(401)
  expect(session.state).toMatchObject({ status: 'ended', reason: 'logged_out' })
})

test('continues two tabs that present the same refresh token at once, without a lock', async () => {
  const chat = await start()
  const storage = sharedStorage()
  const lock = <Result>(work: () => Promise<Result>): Promise<Result> => work()
  const tabs = [sessionOf(chat, { storage, lock }), sessionOf(chat, { storage, lock })]
  await tabs[0]?.logIn(LOGIN)
  await tabs[1]?.restore()
  const previous = await tabs[0]?.token()
  const tokens = await Promise.all(tabs.map(tab => tab.token({ previous, isRefused: true })))
  for (const token of tokens) expect((await chat.call('GET', '/api/users/me', { token })).status).toBe(200)
  expect(tabs.map(({ state }) => state.status)).toEqual(['active', 'active'])
})

test('ends when the session is revoked, and the client goes offline', async () => {
  const chat = await start()
  const session = sessionOf(chat)
  await session.logIn(LOGIN)
  const client = createChatClient({ url: chat.url, token: session.token, WebSocket })
  onTestFinished(() => client.close())
  await stateOf(client, 'online')
  await createAccountApi({ url: chat.url, token: session.token }).endAllSessions()
  await stateOf(client, 'offline')
  expect(client.state).toMatchObject({ reason: 'unauthorized' })
  expect(session.state).toMatchObject({ status: 'ended', reason: 'refused' })
})

test('connects a client again with the same session', async () => {
  const chat = await start()
  const session = sessionOf(chat)
  await session.logIn(LOGIN)
  const client = createChatClient({ url: chat.url, token: session.token, WebSocket })
  onTestFinished(() => client.close())
  await stateOf(client, 'online')
  client.close()
  client.connect()
  await stateOf(client, 'online')
  expect(client.identity).toMatchObject({ username: 'ada' })
})

test('sets up an authenticator app, needs its code at the next login, and manages the account', async () => {
  const chat = await start()
  const session = sessionOf(chat)
  await session.logIn(LOGIN)
  const account = createAccountApi({ url: chat.url, token: session.token })
  const { secret } = await account.startTotp()
  const { recovery_codes: codes } = await account.confirmTotp(codeAt(secret, Date.now()))
  expect(await account.factors()).toMatchObject({ totp: { is_enabled: true }, recovery_codes: { left: 10 } })
  const second = sessionOf(chat)
  const refusal = await refusalOf(second.logIn(LOGIN))
  expect(refusal).toMatchObject({ code: 'second_factor_required', methods: expect.arrayContaining(['totp']) })
  await second.logInWithCode({ challenge: String(refusal.challenge), code: String(codes[0]) })
  expect(second.state.status).toBe('active')
  expect(await account.setDisplayName('Ada L.')).toMatchObject({ display_name: 'Ada L.' })
  expect(await account.setDisplayName(null)).not.toHaveProperty('display_name')
  await account.changePassword('AnotherPass456')
  expect((await refusalOf(second.token({ previous: await second.token(), isRefused: true }))).status).toBe(401)
  expect(await account.exportData()).toContain('"complete":true')
  await account.deleteAccount()
  expect((await refusalOf(sessionOf(chat).logIn({ ...LOGIN, password: 'AnotherPass456' }))).status).toBe(401)
})

test('returns the features of the service without a token', async () => {
  const { url } = await startChat({ settings: { registration: 'closed' } })
  expect(await createAccountApi({ url }).features()).toEqual({
    registration: 'closed',
    mail: false,
    verified_email: false,
    passkeys: false
  })
})

test('lets an administrator find, suspend and invite users, and read the audit log', async () => {
  const chat = await start()
  const bob = await chat.register('bob')
  await chat.database.client.query(`update ${chat.database.schema}.users set role = 'admin' where username = 'ada'`)
  const session = sessionOf(chat)
  await session.logIn(LOGIN)
  const admin = createAdminApi({ url: chat.url, token: session.token })
  expect((await admin.users({ query: 'bo' })).users).toMatchObject([{ id: bob.id, username: 'bob', status: 'active' }])
  await admin.endSessions(bob.id)
  expect((await admin.resetPassword(bob.id)).is_mailed).toBe(false)
  expect(await admin.changeUser(bob.id, { status: 'suspended' })).toMatchObject({ status: 'suspended' })
  expect((await admin.invite(1)).invitation).toBeTruthy()
  expect((await admin.audit({ user: bob.id })).events.length).toBeGreaterThan(0)
})
