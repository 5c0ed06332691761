/**
 * Tests that earlier clients still work. One is the SDK before sessions, one is the SDK before edits, deletions and reactions,
 * and one follows the README of the FastAPI backend.
 */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { useEveryKind } from '../support/every-kind.ts'
import { BEFORE_CHANGES, extractCommit, FIRST_RELEASE } from '../support/former-commit.ts'
import { isAvailable } from '../support/requirements.ts'
import { connect } from '../support/socket-client.ts'
import { PASSWORD, startChat } from '../support/start-chat.ts'

/** Loads the SDK of a commit from the folder in which the commit has it. */
const loadFormerSdk = async (commit: string, source: string) => {
  const folder = extractCommit(commit, source)
  const outfile = join(folder, 'client.mjs')
  const entry = join(folder, source, 'index.ts')
  await build({ entryPoints: [entry], bundle: true, platform: 'node', format: 'esm', outfile, external: ['ws'] })
  // Uses `any`, because the types of the former SDK differ from those of the current SDK.
  return (await import(/* @vite-ignore */ pathToFileURL(outfile).href)) as {
    // biome-ignore lint/suspicious/noExplicitAny: see above.
    readonly [name in 'createChatApi' | 'createChatClient']: (options: object) => any
  }
}

test.runIf(isAvailable('commits'))(
  'the SDK of the commit before sessions registers, logs in, chats and reads history',
  async () => {
    const { createChatApi, createChatClient } = await loadFormerSdk(FIRST_RELEASE, 'src/client')
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
    // Waits until bob is subscribed. Otherwise, he might not receive the message, because a subscription begins at the newest
    // entry.
    await expect.poll(() => bob.state.status).toBe('live')
    ada.send('Hello from the former SDK')
    const { value } = await messages.next()
    expect(value).toMatchObject({ username: 'ada', content: 'Hello from the former SDK' })
    await bob.older()
    expect(bob.state.messages.map(({ content }: { content: string }) => content)).toEqual(['Hello from the former SDK'])
    expect(bob.state.status).toBe('live')
  }
)

test.runIf(isAvailable('commits'))(
  'the SDK of the commit before sessions receives each message once beside clients that use every kind of entry',
  { timeout: 120_000 },
  async () => {
    const { createChatApi, createChatClient } = await loadFormerSdk(FIRST_RELEASE, 'src/client')
    const chat = await startChat({ settings: { messageRateLimit: 0 } })
    await chat.register('old')
    const token = async () => (await createChatApi({ url: chat.url }).login('old', PASSWORD)).access_token
    const old = createChatClient({ url: chat.url, token, WebSocket, timing: { backoffBase: 20 } })
    onTestFinished(() => old.close())
    const room = old.room('general')
    const seen: number[] = []
    const errors: unknown[] = []
    room.on('message', ({ seq }: { seq: number }) => seen.push(seq))
    old.on('error', (error: unknown) => errors.push(error))
    await expect.poll(() => room.state.status).toBe('live')
    const round = await useEveryKind(chat)
    const messages = await round()
    await expect.poll(() => seen).toEqual(messages)

    // Closes the connection, so that the SDK has to resume the subscription.
    old.close()
    messages.push(...(await round()))
    old.connect()
    await expect.poll(() => seen).toEqual(messages)
    room.send('from the former SDK')
    await expect.poll(() => room.state.outgoing).toEqual([])
    messages.push(...(await round()))
    await expect.poll(() => seen.slice(-4)).toEqual(messages.slice(-4))
    // Reads everything again over HTTP.
    const fresh = createChatClient({ url: chat.url, token, WebSocket, timing: { backoffBase: 20 } })
    onTestFinished(() => fresh.close())
    const again = fresh.room('general')
    await expect.poll(() => again.state.status).toBe('live')
    while (again.state.hasOlder) await again.older()
    const shown = again.state.messages.map(({ seq }: { seq: number }) => seq)
    expect(shown).toEqual(expect.arrayContaining(messages))
    expect(errors).toEqual([])
  }
)

test.runIf(isAvailable('commits'))(
  'the SDK of the commit before messages changed receives each message once beside clients that change them',
  { timeout: 120_000 },
  async () => {
    const { createChatApi, createChatClient } = await loadFormerSdk(BEFORE_CHANGES, 'client/src')
    const chat = await startChat({ settings: { messageRateLimit: 0 } })
    const api = createChatApi({ url: chat.url })
    await chat.register('old')
    const token = async () => (await api.login('old', PASSWORD)).access_token
    const old = createChatClient({ url: chat.url, token, WebSocket, timing: { backoffBase: 20 } })
    onTestFinished(() => old.close())
    const room = old.room('general')
    const seen: number[] = []
    const resyncs: object[] = []
    room.on('message', ({ seq }: { seq: number }) => seen.push(seq))
    room.on('resync', (resync: object) => resyncs.push(resync))
    await expect.poll(() => room.state.status).toBe('live')
    const other = await chat.join(await chat.register('new'))
    let head = 0
    const append = async (frame: object): Promise<number> => {
      other.send({ ...frame, ref: 'r' })
      head = (await other.nextOf('ack')).seq
      return head
    }
    const messages: number[] = []
    /** Appends three messages, and four changes of them: an edit, a deletion and two reactions. */
    const change = async (): Promise<void> => {
      const one = await append({ type: 'message', content: 'one', mentions: [1] })
      const two = await append({ type: 'message', content: 'two', reply_to: one })
      await append({ type: 'edit', target: one, content: 'edited' })
      await append({ type: 'react', target: two, key: '+1' })
      await append({ type: 'delete', target: two })
      messages.push(one, two, await append({ type: 'message', content: 'three' }))
      await append({ type: 'react', target: one, key: '+1' })
    }
    await change()
    await append({ type: 'message', content: 'live' })
    messages.push(head)
    await expect.poll(() => seen).toEqual(messages)
    expect(room.state.messages.map(({ content }: { content: string }) => content)).toEqual([
      'one',
      'two',
      'three',
      'live'
    ])

    // Closes the connection, so that the SDK has to resume the subscription.
    old.close()
    await change()
    old.connect()
    await expect.poll(() => seen).toEqual(messages)
    // Appends more entries than the service sends over a connection, so that the SDK reads them over HTTP.
    old.close()
    while (head < 1050) await change()
    old.connect()
    await expect.poll(() => seen, { timeout: 30_000 }).toEqual(messages)
    await expect.poll(() => room.state.status).toBe('live')
    expect(resyncs).toMatchObject([{ reason: 'too_far', isReplaced: false }])
    room.send('from the former SDK')
    await expect.poll(() => room.state.outgoing).toEqual([])
    await room.older()
    expect(room.state.messages.at(-1)).toMatchObject({ content: 'from the former SDK' })
  }
)

test('a client of the FastAPI backend registers, logs in, chats and reads history beside clients that use every kind', async () => {
  const chat = await startChat({ settings: { messageRateLimit: 0 } })
  const { url, call } = chat
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

  const round = await useEveryKind(chat)
  const messages = [...(await round()), ...(await round())]
  const received: string[] = []
  while (received.length < messages.length) received.push((await socket.nextOf('message')).content)
  expect(received).toEqual(['one', 'two', 'three', 'four', 'one', 'two', 'three', 'four'])
  socket.send({ type: 'message', content: 'Bye!' })
  expect(await socket.nextOf('message')).toMatchObject({ username: 'john', content: 'Bye!' })
  const later = await call('GET', '/api/chat/messages?limit=50', { token: body.access_token })
  const contents = later.body.map(({ content }: { content: string }) => content)
  // The deleted messages are left out, and the edited ones are shown in their current state.
  const changed = ['edited', 'three', 'four']
  expect(contents).toEqual(['Hello, everyone!', ...changed, ...changed, 'Bye!'])
})
