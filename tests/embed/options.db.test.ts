/** Tests that the chat applies Fastify's registration options, and sends no header that affects the host's whole domain. */
import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { chatService } from '../../src/index.ts'
import { testDatabase } from '../support/database.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'
import { startHost } from '../support/start-host.ts'

const register = async (options: object, level = 'info') => {
  const { client, schema } = await testDatabase()
  const lines: string[] = []
  const app = Fastify({ logger: { level, stream: { write: line => lines.push(line) } } })
  onTestFinished(() => app.close())
  const settings = { client, databaseSchema: schema, secretKey: SECRET_KEY, encryptionKey: ENCRYPTION_KEY }
  await app.register(chatService, { ...settings, ...options } as never)
  await app.ready()
  return { app, log: () => lines.join('') }
}

test('applies the host’s log level to its routes, regardless of its own settings', async () => {
  const { app, log } = await register({}, 'warn')
  expect((await app.inject('/api/users/me')).statusCode).toBe(401)
  expect(log()).not.toContain('request completed')
})

test('accepts Fastify’s registration options, and applies logLevel to its routes', async () => {
  const logSerializers = { mine: (value: string) => value }
  const { app, log } = await register({ prefix: '/chat', logLevel: 'silent', logSerializers })
  expect((await app.inject('/chat/api/users/me')).statusCode).toBe(401)
  expect(log()).not.toContain('request completed')
})

test('warns about links in mails that lead to a page which `pages` leaves out', async () => {
  const mail = { smtpUrl: 'smtp://localhost', mailFrom: 'chat@example.com', publicUrl: 'https://chat.example.com' }
  const without = await register({ ...mail, pages: ['health'] }, 'warn')
  expect(without.log()).toMatch(/The option `pages` .* Set `mailLinkUrl`/)
  for (const options of [{ pages: ['app'] }, { pages: false, mailLinkUrl: 'https://example.com/account' }]) {
    const { log } = await register({ ...mail, ...options }, 'warn')
    expect(log()).not.toContain('mailLinkUrl')
  }
})

test('sends no header that affects the host’s whole domain', async () => {
  const { call } = await startHost({ pages: true })
  for (const path of ['/support/api/users/me', '/support/health', '/support/docs', '/support/']) {
    const { headers } = await call('GET', path, { as: 'ann' })
    expect(headers.get('strict-transport-security')).toBeNull()
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  }
})

test.for([
  [{ pages: null }, /^The option `pages` must be true, false or a list of: entrance, health, documents, app\.$/],
  [{ pages: 'documents' }, /^The option `pages` must be/],
  [{ pages: ['docs'] }, /^The option `pages` must be/],
  [{ corsOrigins: () => true }, /corsOrigins must be an array/],
  [{ secretKey: Symbol('key') }, /secretKey must be a string/]
] as const)('rejects an invalid option with a sentence: %s', async ([options, message]) => {
  await expect(register(options)).rejects.toThrow(message)
})
