/** Tests each plugin separately: its options with their defaults, and its dependencies on other plugins. */
import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import auth from '../../plugins/auth.ts'
import chat from '../../plugins/chat.ts'
import config from '../../plugins/config.ts'
import crypto from '../../plugins/crypto.ts'
import db from '../../plugins/db.ts'
import mail from '../../plugins/mail.ts'
import ops from '../../plugins/ops.ts'
import platform from '../../plugins/platform.ts'
import problems from '../../plugins/problems.ts'
import { loginOf } from '../support/accounts.ts'
import { testClient, testSchema } from '../support/database.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'

const bare = () => {
  const app = Fastify()
  onTestFinished(() => app.close())
  return app
}

test('registers crypto with only a key', async () => {
  const app = bare()
  await app.register(crypto, { encryptionKey: ENCRYPTION_KEY })
  const { token, keyId } = app.chatCrypto.encrypt('text')
  expect(app.chatCrypto.decrypt(token, keyId)).toBe('text')
})

test('registers db with an embedded database in memory, which ends with the application', async () => {
  const app = Fastify()
  await app.register(db, { databaseUrl: 'pglite::memory:' })
  await app.ready()
  const { id } = await app.chatDb.rooms.create({ name: 'r', title: null })
  expect(await app.chatDb.rooms.findByName('r')).toMatchObject({ id })
  await app.close()
  await expect(app.chatDb.rooms.findByName('r')).rejects.toThrow()
})

test('registers config with only settings', async () => {
  const app = bare()
  const settings = { secretKey: SECRET_KEY, encryptionKey: ENCRYPTION_KEY, databaseUrl: 'pglite:unused' }
  await app.register(config, { settings })
  expect(app.chatConfig).toMatchObject({ port: 8000, databaseSchema: 'public' })
})

test('responds to any error of a host with a problem document after problems is registered', async () => {
  const app = bare()
  await app.register(problems)
  app.get('/', async () => {
    throw new Error('x')
  })
  expect((await app.inject('/')).json()).toMatchObject({ status: 500, code: 'internal_error' })
})

test('registers auth and chat after db with a client', async () => {
  const app = bare()
  const databaseSchema = await testSchema()
  await app.register(db, { client: await testClient(), databaseSchema })
  await app.register(crypto, { encryptionKey: ENCRYPTION_KEY })
  await app.register(auth, { secretKey: SECRET_KEY, bcryptRounds: 4 })
  await app.register(chat)
  await app.ready()
  const user = await app.chatAuth.accounts?.register('john', 'SecurePass123')
  const started = await app.chatAuth.accounts?.login(loginOf('JOHN', 'SecurePass123'))
  expect(await app.chatAuth.renew(started?.token.access_token ?? '')).toMatchObject({
    userId: user?.id,
    username: 'john'
  })
  const { entry } = await app.chatCore.log.publish(
    { userId: user?.id ?? 0, username: 'john', expiresAt: 4e12 },
    'general',
    {
      content: 'hi'
    }
  )
  expect(entry.seq).toBe(1)
})

test.for([
  ['chat-auth', auth, /'chat-db' of plugin 'chat-auth' is not registered/],
  ['chat-core', chat, /'chat-db' of plugin 'chat-core' is not registered/],
  ['chat-ops', ops, /'chat-db' of plugin 'chat-ops' is not registered/],
  ['chat-platform', platform, /'chat-db' of plugin 'chat-platform' is not registered/],
  ['chat-db', db, /requires `databaseUrl` or `client`/]
] as const)('rejects %s with the name of what is missing', async ([, plugin, message]) => {
  await expect(async () => bare().register(plugin as never)).rejects.toThrow(message)
})

test('rejects an object that is not a database client', async () => {
  await expect(async () => bare().register(db, { client: {} as never })).rejects.toThrow(
    /not a client of postgres.js, a PGlite or an SqlClient/
  )
})

test.for<[string, unknown, object, RegExp]>([
  ['crypto without options', crypto, {}, /plugin chat-crypto are not valid: `encryptionKey` is missing\. Create one/],
  ['crypto with a number', crypto, { encryptionKey: 7 }, /`encryptionKey` must be a string/],
  [
    'crypto with a bad list',
    crypto,
    { encryptionKey: ENCRYPTION_KEY, encryptionKeyPrevious: ['x'] },
    /\(item 1\) must be a Fernet/
  ],
  ['db with a number', db, { databaseUrl: 7 }, /plugin chat-db are not valid: `databaseUrl` must be a string/],
  ['db with another database’s URL', db, { databaseUrl: 'mysql://h/d' }, /`databaseUrl` must be postgres:/],
  ['db with a bad schema', db, { databaseUrl: 'pglite:x', databaseSchema: 'A b' }, /`databaseSchema` must be 1-63/],
  [
    'db with text for a client',
    db,
    { client: 'postgres://h/d' },
    /not a client of postgres.js, a PGlite or an SqlClient/
  ],
  ['config with text', config, { settings: 'x' }, /`settings` of the plugin chat-config must be an object/]
])('rejects invalid options with what is wrong: %s', async ([, plugin, options, message]) => {
  await expect(async () => bare().register(plugin as never, options as never)).rejects.toThrow(message)
})

test.for<[string, unknown, object, RegExp]>([
  ['auth without a key', auth, {}, /requires `secretKey` for accounts of the chat, or `authenticate`/],
  ['auth with a short key', auth, { secretKey: 'x' }, /`secretKey` must have at least 32 characters/],
  ['auth with text for a function', auth, { authenticate: 'x' }, /`authenticate` must be a function/],
  ['chat with text for a number', chat, { messageRateLimit: '10' }, /`messageRateLimit` must be an integer/],
  [
    'ops with text for a number',
    ops,
    { maxLoopDelayMs: 'x' },
    /plugin chat-ops are not valid: `maxLoopDelayMs` must be/
  ],
  [
    'chat with a bad limit and function',
    chat,
    { maxMessageLength: 0, authorize: {} },
    /at least 1; `authorize` must be/
  ]
])('rejects invalid options with what is wrong: %s', async ([, plugin, options, message]) => {
  const app = bare()
  await app.register(db, { client: await testClient(), databaseSchema: await testSchema() })
  await app.register(crypto, { encryptionKey: ENCRYPTION_KEY })
  if (plugin !== auth) await app.register(auth, { secretKey: SECRET_KEY })
  if (plugin === ops) await app.register(chat, {})
  await expect(async () => app.register(plugin as never, options as never)).rejects.toThrow(message)
})

test('rejects auth without crypto, and names the missing plugin', async () => {
  const app = bare()
  await app.register(db, { client: await testClient(), databaseSchema: await testSchema() })
  await expect(async () => app.register(auth, { secretKey: SECRET_KEY })).rejects.toThrow(
    /Register the plugin `crypto` before `auth`/
  )
})

test('registers mail after db and crypto, and sends nothing without a mail server', async () => {
  const app = bare()
  await app.register(db, { client: await testClient(), databaseSchema: await testSchema() })
  await app.register(crypto, { encryptionKey: ENCRYPTION_KEY })
  await app.register(mail)
  await app.ready()
  expect(app.chatMail.isConfigured).toBe(false)
  await app.chatMail.enqueue(app.chatDb, { kind: 'forgot', userId: null, params: { address: 'john@example.com' } })
  expect(await app.chatDb.outbox.lease({ first: 1, again: 1, leaseMs: 1 })).toEqual([])
})

test('rejects a mail server without a sender or a page for links, and does not quote its password', async () => {
  const smtpUrl = 'smtp://chat:hunter2@localhost'
  const refusalOf = async (options: object): Promise<string> => {
    const app = bare()
    await app.register(db, { client: await testClient(), databaseSchema: await testSchema() })
    await app.register(crypto, { encryptionKey: ENCRYPTION_KEY })
    return Promise.resolve(app.register(mail, { smtpUrl, ...options })).then(
      () => 'registered',
      ({ message }: Error) => message
    )
  }
  const refusals = [
    await refusalOf({ mailFrom: 'chat@example.com' }),
    await refusalOf({ publicUrl: 'https://chat.example.com' })
  ]
  expect(refusals).toEqual([expect.stringContaining('publicUrl'), expect.stringContaining('mailFrom')])
  expect(refusals.join()).not.toContain('hunter2')
})
