/**
 * Tests the stored sessions of the terminal client, and their lock. A session is stored only on request, and only its owner may
 * read it.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, onTestFinished, test, vi } from 'vitest'
import { ChatApiError } from '../../client/src/index.ts'
import { createFileLock } from '../../src/tui/file-lock.ts'
import { createSession, type Session } from '../../src/tui/session.ts'
import { openSessionFile } from '../../src/tui/session-file.ts'
import { sessionService } from '../support/session-service.ts'

const url = 'http://chat.test'
const NEW = { previous: undefined, isRefused: false }

const folder = (): { readonly folder: string; readonly file: string } => {
  const made = mkdtempSync(join(tmpdir(), 'chat-sessions-'))
  onTestFinished(() => rmSync(made, { recursive: true, force: true }))
  return { folder: made, file: join(made, 'fastify-chat', 'tokens.json') }
}

afterEach(() => void vi.unstubAllGlobals())

test('makes the file and its folder accessible to their owner only, even if others could read the file before', () => {
  const { folder: at, file } = folder()
  const sessions = openSessionFile(at)
  sessions.save({ url, username: 'ada', session: 'one' })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(statSync(join(at, 'fastify-chat')).mode & 0o777).toBe(0o700)
  rmSync(file)
  writeFileSync(file, '[]', { mode: 0o644 })
  sessions.save({ url, username: 'ada', session: 'two' })
  expect(statSync(file).mode & 0o777).toBe(0o600)
})

test('finds the newest session of a service, or that of a user regardless of case, and removes the file with the last one', () => {
  const { folder: at, file } = folder()
  const sessions = openSessionFile(at)
  sessions.save({ url, username: 'ada', session: 'a' })
  sessions.save({ url, username: 'bob', session: 'b' })
  sessions.save({ url: 'http://other.test', username: 'ada', session: 'c' })
  expect(sessions.find(url)?.session).toBe('b')
  expect(sessions.find(url, 'ADA')?.session).toBe('a')
  expect(sessions.find('http://nowhere.test')).toBeUndefined()
  for (const username of ['ada', 'bob']) sessions.remove(url, username)
  sessions.remove('http://other.test', 'ada')
  expect(existsSync(file)).toBe(false)
})

test('ignores a damaged file, and one of an earlier version', () => {
  const { folder: at, file } = folder()
  const sessions = openSessionFile(at)
  sessions.save({ url, username: 'ada', session: 'a' })
  for (const text of ['{', '{}', '[1, {"url": "x"}, null]', `[{"url":"${url}","username":"ada","token":"t"}]`]) {
    writeFileSync(file, text)
    expect(sessions.find(url)).toBeUndefined()
  }
})

/** Starts a model of the service. `start` simulates a start of the program, always with the same folder. */
const setUp = () => {
  const service = sessionService()
  vi.stubGlobal('fetch', service.fetch)
  const { folder: at, file } = folder()
  const start = (options: { shouldRemember?: boolean; username?: string; password?: string } = {}): Session =>
    createSession({ url, file: openSessionFile(at), shouldRemember: true, ...options })
  return { service, at, file, start }
}

test('stores the session with --remember, and the next start continues it and keeps the renewed token', async () => {
  const { service, file, start } = setUp()
  const first = start()
  expect(first.isReady).toBe(false)
  await first.logIn('ada', 'SecurePass123')
  await first.end()
  expect(readFileSync(file, 'utf8')).not.toContain('SecurePass123')
  const second = start({ shouldRemember: false })
  expect(second).toMatchObject({ username: 'ada', isReady: true })
  const token = await second.token(NEW)
  expect(service.refreshes).toBe(0)
  expect(await second.token({ previous: token, isRefused: true })).not.toBe(token)
  expect(readFileSync(file, 'utf8')).toContain('s1.2')
  expect(service.isRevoked('s1')).toBe(false)
})

test('renews the token once for two programs', async () => {
  const { service, start } = setUp()
  await start().logIn('ada', 'SecurePass123')
  const programs = [start(), start()]
  const previous = await start().token(NEW)
  const tokens = await Promise.all(programs.map(one => one.token({ previous, isRefused: true })))
  expect(new Set(tokens).size).toBe(1)
  expect(service.refreshes).toBe(1)
})

test('removes the stored session when the service refuses it, and logs in with the password of the environment', async () => {
  const { service, file, start } = setUp()
  await start().logIn('ada', 'SecurePass123')
  service.revoke('s1')
  const session = start()
  const previous = await session.token(NEW)
  const refused = session.token({ previous, isRefused: true })
  await expect(refused).rejects.toMatchObject({ status: 401 })
  expect(existsSync(file)).toBe(false)
  const script = start({ username: 'ada', password: 'SecurePass123' })
  expect(await script.token(NEW)).toMatch(/^s2:/)
  expect(await start({ username: 'ada', password: 'SecurePass123' }).token(NEW)).toMatch(/^s2:/)
})

test('writes nothing to the disk without --remember, and ends the session with the program', async () => {
  const { service, at, start } = setUp()
  const session = start({ shouldRemember: false })
  await session.logIn('ada', 'SecurePass123')
  await session.token(NEW)
  expect(readdirSync(at)).toEqual([])
  await session.end()
  expect(service.isRevoked('s1')).toBe(true)
})

test('starts no session for a script that stores nothing', async () => {
  const { service, at, start } = setUp()
  const session = start({ shouldRemember: false, username: 'ada', password: 'SecurePass123' })
  expect(session.isReady).toBe(true)
  expect(await session.token(NEW)).toBe('plain')
  expect(service.calls[0]?.body).toEqual({ username: 'ada', password: 'SecurePass123' })
  expect(readdirSync(at)).toEqual([])
})

test('logs in with the password once for all HTTP calls of the screen, and ends this session with the program', async () => {
  const { service, start } = setUp()
  const session = start({ shouldRemember: false, username: 'ada', password: 'SecurePass123' })
  const { safety } = session.openApis()
  await Promise.all([1, 2].map(() => safety.blocks().catch(() => {})))
  await safety.blocks().catch(() => {})
  expect(service.calls.filter(({ path }) => path.includes('login'))).toHaveLength(1)
  expect(service.calls.filter(({ path }) => path.includes('blocks')).map(({ token }) => token?.split(':')[0])).toEqual([
    's1',
    's1',
    's1'
  ])
  await session.end()
  expect(service.isRevoked('s1')).toBe(true)
})

test('continues a login with a code', async () => {
  const { file, start } = setUp()
  const session = start()
  const refusal = await session.logIn('ada', 'needs-a-code').catch(error => error)
  expect(refusal).toBeInstanceOf(ChatApiError)
  expect(existsSync(file)).toBe(false)
  await session.logInWithCode(refusal.challenge, '123456')
  expect(session).toMatchObject({ username: 'ada', isReady: true })
  expect(openSessionFile(join(file, '../..')).find(url, 'ada')?.session).toContain('s1.1')
})

test('is not ready without a stored session or a password', () => {
  const { start } = setUp()
  expect(start().isReady).toBe(false)
  expect(start({ username: 'ada' }).isReady).toBe(false)
  expect(start({ password: 'x' }).isReady).toBe(false)
  expect(start({ username: 'ada', password: 'x' }).isReady).toBe(true)
})

test('lets one program at a time work, and takes the lock of one that was killed', async () => {
  const path = join(folder().folder, 'a', 'lock')
  const events: string[] = []
  const work = (name: string) =>
    createFileLock(path)(async () => {
      events.push(`${name} starts`)
      await new Promise(resolve => setImmediate(resolve))
      events.push(`${name} ends`)
    })
  await Promise.all([work('a'), work('b')])
  const [first, second] = events[0] === 'a starts' ? ['a', 'b'] : ['b', 'a']
  expect(events).toEqual([`${first} starts`, `${first} ends`, `${second} starts`, `${second} ends`])
  expect(existsSync(path)).toBe(false)
  writeFileSync(path, 'of a program that was killed')
  expect(await createFileLock(path, 60)(async () => 'done')).toBe('done')
  expect(existsSync(path)).toBe(false)
})

test('releases the lock when the work fails', async () => {
  const path = join(folder().folder, 'lock')
  await expect(createFileLock(path)(() => Promise.reject(new Error('failed')))).rejects.toThrow('failed')
  expect(existsSync(path)).toBe(false)
})
