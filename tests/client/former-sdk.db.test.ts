/**
 * Tests that clients which know no sessions still log in and chat: the SDK of the commit before accounts, and a client that was
 * written for the README of the FastAPI backend.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { connect } from '../support/socket-client.ts'
import { startChat } from '../support/start-chat.ts'

/** The last commit whose SDK had no sessions. A clone without the history does not have it. */
const COMMIT = '258e117'
const root = join(import.meta.dirname, '../..')
const git = (...args: string[]): Buffer => execFileSync('git', args, { cwd: root, stdio: ['ignore', 'pipe', 'ignore'] })

const hasCommit = (): boolean => {
  try {
    git('cat-file', '-e', `${COMMIT}^{commit}`)
    return true
  } catch {
    return false
  }
}

const loadFormerSdk = async () => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-former-sdk-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  execFileSync('tar', ['-x', '-C', folder], { input: git('archive', COMMIT, 'src/client') })
  const outfile = join(folder, 'client.mjs')
  const entry = join(folder, 'src', 'client', 'index.ts')
  await build({ entryPoints: [entry], bundle: true, platform: 'node', format: 'esm', outfile, external: ['ws'] })
  // Its functions have other types than those of today.
  return (await import(/* @vite-ignore */ pathToFileURL(outfile).href)) as {
    // biome-ignore lint/suspicious/noExplicitAny: see above.
    readonly [name in 'createChatApi' | 'createChatClient']: (options: object) => any
  }
}

test.runIf(hasCommit())(
  'the SDK of the commit before accounts registers, logs in, chats and reads history',
  async () => {
    const { createChatApi, createChatClient } = await loadFormerSdk()
    const { url } = await startChat()
    const api = createChatApi({ url })
    const started = await Promise.all(
      ['ada', 'bob'].map(async name => {
        expect(await api.register(name, 'SecurePass123')).toMatchObject({ username: name })
        const token = async () => (await api.login(name, 'SecurePass123')).access_token
        const chat = createChatClient({ url, token, WebSocket })
        onTestFinished(() => chat.close())
        return chat.room('general')
      })
    )
    const [ada, bob] = started
    const messages = bob.messages()
    ada.send('Hello from the former SDK')
    const { value } = await messages.next()
    expect(value).toMatchObject({ username: 'ada', content: 'Hello from the former SDK' })
    await bob.older()
    expect(bob.state.messages.map(({ content }: { content: string }) => content)).toEqual(['Hello from the former SDK'])
    expect(bob.state.status).toBe('live')
  }
)

test('a client of the FastAPI backend registers, logs in, chats and reads history', async () => {
  const { url, call } = await startChat()
  const credentials = { username: 'john', password: 'SecurePass123' }
  expect(await call('POST', '/api/auth/register', { body: credentials })).toMatchObject({
    status: 201,
    body: { username: 'john' }
  })
  const { status, body } = await call('POST', '/api/auth/login', { body: credentials })
  expect(status).toBe(200)
  expect(Object.keys(body).sort()).toEqual(['access_token', 'expires_in', 'token_type'])
  const socket = await connect(`${url.replace('http', 'ws')}/ws/chat?token=${body.access_token}`)
  expect(await socket.nextOf('system')).toMatchObject({ message: 'Connected as john' })
  socket.send({ type: 'message', content: 'Hello, everyone!' })
  expect(await socket.nextOf('message')).toMatchObject({ username: 'john', content: 'Hello, everyone!' })
  const history = await call('GET', '/api/chat/messages?limit=50', { token: body.access_token })
  expect(history.body).toMatchObject([{ username: 'john', content: 'Hello, everyone!' }])
})
