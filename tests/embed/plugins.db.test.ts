/** Each plugin alone: typed options with defaults, and by name what it stands on. */
import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import auth from '../../plugins/auth.ts'
import chat from '../../plugins/chat.ts'
import config from '../../plugins/config.ts'
import crypto from '../../plugins/crypto.ts'
import db from '../../plugins/db.ts'
import ops from '../../plugins/ops.ts'
import platform from '../../plugins/platform.ts'
import problems from '../../plugins/problems.ts'
import { testClient, testSchema } from '../support/database.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'

const bare = () => {
  const app = Fastify()
  onTestFinished(() => app.close())
  return app
}

test('crypto needs nothing but a key', async () => {
  const app = bare()
  await app.register(crypto, { encryptionKey: ENCRYPTION_KEY })
  const { token, keyId } = app.chatCrypto.seal('text')
  expect(app.chatCrypto.open(token, keyId)).toBe('text')
})

test('config needs nothing but settings', async () => {
  const app = bare()
  const settings = { secretKey: SECRET_KEY, encryptionKey: ENCRYPTION_KEY, databaseUrl: 'pglite:unused' }
  await app.register(config, { settings })
  expect(app.chatConfig).toMatchObject({ port: 8000, databaseSchema: 'public' })
})

test('problems makes any error of a host a problem', async () => {
  const app = bare()
  await app.register(problems)
  app.get('/', async () => {
    throw new Error('x')
  })
  expect((await app.inject('/')).json()).toMatchObject({ status: 500, code: 'internal_error' })
})

test('db needs a client or a URL, and auth and chat stand on it in turn', async () => {
  const app = bare()
  const databaseSchema = await testSchema()
  await app.register(db, { client: await testClient(), databaseSchema })
  await app.register(crypto, { encryptionKey: ENCRYPTION_KEY })
  await app.register(auth, { secretKey: SECRET_KEY, bcryptRounds: 4 })
  await app.register(chat)
  await app.ready()
  const user = await app.chatAuth.accounts?.register('john', 'SecurePass123')
  const { access_token } = (await app.chatAuth.accounts?.login('JOHN', 'SecurePass123')) ?? {}
  expect(await app.chatAuth.renew(access_token ?? '')).toMatchObject({ userId: user?.id, username: 'john' })
  const { entry } = await app.chatCore.post({ userId: user?.id ?? 0, username: 'john' }, 'general', { content: 'hi' })
  expect(entry.seq).toBe(1)
})

test.for([
  ['chat-auth', auth, /'chat-db' of plugin 'chat-auth' is not registered/],
  ['chat-core', chat, /'chat-db' of plugin 'chat-core' is not registered/],
  ['chat-ops', ops, /'chat-db' of plugin 'chat-ops' is not registered/],
  ['chat-platform', platform, /'chat-db' of plugin 'chat-platform' is not registered/],
  ['chat-db', db, /needs `databaseUrl`, or a ready `client`/]
] as const)('%s says what it lacks', async ([, plugin, message]) => {
  await expect(async () => bare().register(plugin as never)).rejects.toThrow(message)
})

test('a client that is none is refused with what to do', async () => {
  await expect(async () => bare().register(db, { client: {} as never })).rejects.toThrow(/postgres.js or a PGlite/)
})
