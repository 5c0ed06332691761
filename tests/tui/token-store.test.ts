/**
 * Tests stored tokens and the session that uses them. A token is stored only on request, and only its owner may read it.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createSession } from '../../src/tui/session.ts'
import { createTokenStore } from '../../src/tui/token-store.ts'

const url = 'http://chat.test'

const folder = (): { readonly folder: string; readonly file: string } => {
  const made = mkdtempSync(join(tmpdir(), 'chat-tokens-'))
  onTestFinished(() => rmSync(made, { recursive: true, force: true }))
  return { folder: made, file: join(made, 'fastify-chat', 'tokens.json') }
}

test('makes the file and its folder accessible to their owner only, even if others could read the file before', () => {
  const { folder: at, file } = folder()
  const tokenStore = createTokenStore(at)
  tokenStore.save({ url, username: 'ada', token: 'one' })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(statSync(join(at, 'fastify-chat')).mode & 0o777).toBe(0o700)
  rmSync(file)
  writeFileSync(file, '[]', { mode: 0o644 })
  tokenStore.save({ url, username: 'ada', token: 'two' })
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('finds the newest token of a service, or the token of a user regardless of case, and removes the file with the last token', () => {
  const { folder: at, file } = folder()
  const tokenStore = createTokenStore(at)
  tokenStore.save({ url, username: 'ada', token: 'a' })
  tokenStore.save({ url, username: 'bob', token: 'b' })
  tokenStore.save({ url: 'http://other.test', username: 'ada', token: 'c' })
  expect(tokenStore.find(url)?.token).toBe('b')
  expect(tokenStore.find(url, 'ADA')?.token).toBe('a')
  expect(tokenStore.find('http://nowhere.test')).toBeUndefined()
  for (const username of ['ada', 'bob']) tokenStore.remove(url, username)
  tokenStore.remove('http://other.test', 'ada')
  expect(existsSync(file)).toBe(false)
})

test('ignores a damaged file', () => {
  const { folder: at, file } = folder()
  const tokenStore = createTokenStore(at)
  tokenStore.save({ url, username: 'ada', token: 'a' })
  for (const text of ['{', '{}', '[1, {"url": "x"}, null]']) {
    writeFileSync(file, text)
    expect(tokenStore.find(url)).toBeUndefined()
  }
})

test('uses a stored token in a session, and removes the token when the service refuses it', async () => {
  const { folder: at, file } = folder()
  const tokenStore = createTokenStore(at)
  tokenStore.save({ url, username: 'ada', token: 'kept' })
  const session = createSession({ url, tokenStore: tokenStore, shouldRemember: false })
  expect(session).toMatchObject({ username: 'ada', isReady: true })
  expect(await session.token({ previous: undefined, isRefused: false })).toBe('kept')
  expect(await session.token({ previous: 'kept', isRefused: false })).toBe('kept')
  expect(readFileSync(file, 'utf8')).toContain('kept')
  // The session has no other token, so it returns the refused token again. The user then has to log in.
  expect(await session.token({ previous: 'kept', isRefused: true })).toBe('kept')
  expect(existsSync(file)).toBe(false)
})

test('is not ready without a token or a password', () => {
  const tokenStore = createTokenStore(folder().folder)
  const none = { url, tokenStore: tokenStore, shouldRemember: false }
  expect(createSession(none).isReady).toBe(false)
  expect(createSession({ ...none, username: 'ada' }).isReady).toBe(false)
  expect(createSession({ ...none, password: 'x' }).isReady).toBe(false)
  expect(createSession({ ...none, username: 'ada', password: 'x' }).isReady).toBe(true)
})
