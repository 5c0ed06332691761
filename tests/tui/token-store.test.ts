/** Tokens on disk: only for this user's eyes, only when asked for; and the session that uses them. */
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

test('the file and its folder are for the user only, also when the file was open to others before', () => {
  const { folder: at, file } = folder()
  const remembered = createTokenStore(at)
  remembered.save({ url, username: 'ada', token: 'one' })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(statSync(join(at, 'fastify-chat')).mode & 0o777).toBe(0o700)
  rmSync(file)
  writeFileSync(file, '[]', { mode: 0o644 })
  remembered.save({ url, username: 'ada', token: 'two' })
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('the newest token of a service is found, or that of a name in any case; forgetting the last removes the file', () => {
  const { folder: at, file } = folder()
  const remembered = createTokenStore(at)
  remembered.save({ url, username: 'ada', token: 'a' })
  remembered.save({ url, username: 'bob', token: 'b' })
  remembered.save({ url: 'http://other.test', username: 'ada', token: 'c' })
  expect(remembered.find(url)?.token).toBe('b')
  expect(remembered.find(url, 'ADA')?.token).toBe('a')
  expect(remembered.find('http://nowhere.test')).toBeUndefined()
  for (const username of ['ada', 'bob']) remembered.remove(url, username)
  remembered.remove('http://other.test', 'ada')
  expect(existsSync(file)).toBe(false)
})

test('a damaged file is as good as none', () => {
  const { folder: at, file } = folder()
  const remembered = createTokenStore(at)
  remembered.save({ url, username: 'ada', token: 'a' })
  for (const text of ['{', '{}', '[1, {"url": "x"}, null]']) {
    writeFileSync(file, text)
    expect(remembered.find(url)).toBeUndefined()
  }
})

test('a session uses what is remembered, and forgets it when the service refuses it', async () => {
  const { folder: at, file } = folder()
  const remembered = createTokenStore(at)
  remembered.save({ url, username: 'ada', token: 'kept' })
  const session = createSession({ url, tokenStore: remembered, shouldRemember: false })
  expect(session).toMatchObject({ username: 'ada', isReady: true })
  expect(await session.token({ previous: undefined, isRefused: false })).toBe('kept')
  expect(await session.token({ previous: 'kept', isRefused: false })).toBe('kept')
  expect(readFileSync(file, 'utf8')).toContain('kept')
  // The same again tells the SDK that there is no other: the user has to log in.
  expect(await session.token({ previous: 'kept', isRefused: true })).toBe('kept')
  expect(existsSync(file)).toBe(false)
})

test('without a token or a password a session is not ready', () => {
  const remembered = createTokenStore(folder().folder)
  const none = { url, tokenStore: remembered, shouldRemember: false }
  expect(createSession(none).isReady).toBe(false)
  expect(createSession({ ...none, username: 'ada' }).isReady).toBe(false)
  expect(createSession({ ...none, password: 'x' }).isReady).toBe(false)
  expect(createSession({ ...none, username: 'ada', password: 'x' }).isReady).toBe(true)
})
