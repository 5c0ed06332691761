/**
 * Tests the built client as a process in a pipe, with the real service. Tests the sent messages, the output and the exit code.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { builtProgram } from '../support/built-service.ts'
import { endWithTest } from '../support/child-process.ts'
import { freePort } from '../support/free-port.ts'
import { PASSWORD, type RunningChat, startChat } from '../support/start-chat.ts'

let program: string
beforeAll(async () => {
  program = await builtProgram()
})

const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-pipe-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

interface Options {
  readonly password?: string
  /** The folder of the stored tokens. */
  readonly folder?: string
}

/** Starts `fastify-chat client`. It is killed when the test ends. */
const startClient = (url: string, args: string[], { password = PASSWORD, folder = newFolder() }: Options = {}) => {
  const env = { ...process.env, FASTIFY_CHAT_PASSWORD: password, XDG_CONFIG_HOME: folder }
  const command = [program, 'client', '--url', url, ...args]
  const child = spawn(process.execPath, command, { cwd: folder, env })
  endWithTest(child)
  const lines: string[] = []
  const output = createInterface(child.stdout)
  output.on('line', line => lines.push(line))
  let err = ''
  child.stderr.on('data', data => {
    err += data
  })
  const ended = new Promise<{ lines: string[]; err: string; code: number | null }>(resolve =>
    child.on('close', code => resolve({ lines, err, code }))
  )
  /** Resolves with the first frame that has the fields. Frames that were received before the call count too. */
  const frame = (wanted: object): Promise<Record<string, unknown>> =>
    new Promise((resolve, reject) => {
      const look = (line: string): void => {
        const read = JSON.parse(line)
        if (Object.entries(wanted).every(([field, value]) => read[field] === value)) resolve(read)
      }
      for (const line of lines) look(line)
      output.on('line', look)
      ended.then(({ err: stderr }) => reject(new Error(`The client ended first: ${stderr}`)))
    })
  return { child, ended, frame }
}

const pipe = (input: string, ...given: Parameters<typeof startClient>) => {
  const { child, ended } = startClient(...given)
  child.stdin.end(input)
  return ended
}

const contents = async (chat: RunningChat, token: string): Promise<string[]> => {
  const { body } = await chat.call('GET', '/api/chat/messages', { token })
  return body.map(({ content }: { content: string }) => content)
}

test('sends the whole input as one message with --send, and prints nothing', async () => {
  const chat = await startChat()
  const { token } = await chat.register('ada')
  const sent = await pipe('two\n  lines\n', chat.url, ['--username', 'ada', '--send'])
  expect(sent).toEqual({ lines: [], err: '', code: 0 })
  expect(await contents(chat, token)).toEqual(['two\n  lines'])
})

test('sends each line in order with --lines, even more than the rate limit allows at once', async () => {
  const chat = await startChat({ settings: { messageRateLimit: 20 } })
  const { token } = await chat.register('ada')
  const lines = Array.from({ length: 70 }, (_, at) => `line ${at}`)
  const sent = await pipe(`${lines.join('\n\n')}\n`, chat.url, ['--username', 'ada', '--lines'])
  expect(sent).toEqual({ lines: [], err: '', code: 0 })
  const { body } = await chat.call('GET', '/api/chat/messages?limit=100', { token })
  expect(body.map(({ content }: { content: string }) => content)).toEqual(lines)
})

test('sends no joined or left event for a pipe', async () => {
  const chat = await startChat()
  await chat.register('ada')
  const bob = await chat.join(await chat.register('bob'))
  expect(await pipe('hi', chat.url, ['--username', 'ada', '--send'])).toMatchObject({ code: 0 })
  expect(await bob.next()).toMatchObject({ type: 'message', username: 'ada', content: 'hi' })
})

test.each([
  ['a room that does not exist', ['--room', 'nowhere'], {}, 'does not exist'],
  ['a wrong password', [], { password: 'WrongPass123' }, 'Wrong username or password'],
  ['no password', [], { password: '' }, 'FASTIFY_CHAT_PASSWORD']
])('exits with 1 and the reason after %s', async (_, args, options, reason) => {
  const chat = await startChat()
  await chat.register('ada')
  const { lines, err, code } = await pipe('hi', chat.url, ['--username', 'ada', '--send', ...args], options)
  expect({ lines, code }).toEqual({ lines: [], code: 1 })
  expect(err).toContain(reason)
  expect(err).not.toMatch(/WrongPass123|\n {4}at /)
})

test('exits immediately with 1 and advice if the service cannot be reached', async () => {
  const { err, code } = await pipe('hi', `http://127.0.0.1:${await freePort()}`, ['--username', 'ada', '--send'])
  expect(code).toBe(1)
  expect(err).toContain('Nothing was sent. Check --url and that the service is running.')
  expect(err).not.toContain('within 30 s')
})

test('exits with 1 and the detail of the service if a message is refused', async () => {
  const chat = await startChat({ settings: { maxMessageLength: 5 } })
  await chat.register('ada')
  const { err, code } = await pipe('too long', chat.url, ['--username', 'ada', '--send'])
  expect(code).toBe(1)
  expect(err).toContain('The message has 8 characters. Send at most 5.')
})

/** Starts a server that accepts connections and never responds. */
const startSilent = async () => {
  const server = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

test('exits with 1 after --timeout if the service accepts the message and never responds', async () => {
  const { url } = await startSilent()
  const { err, code } = await pipe('hi', url, ['--username', 'ada', '--send', '--timeout', '0.5'])
  expect(code).toBe(1)
  expect(err).toContain('did not acknowledge all messages within 0.5 s')
})

test('ends on the first signal while --send waits for the service', async () => {
  const { url, server } = await startSilent()
  const { child, ended } = startClient(url, ['--username', 'ada', '--send', '--timeout', '60'])
  child.stdin.end('hi')
  await once(server, 'connection')
  child.kill('SIGINT')
  // The signal ended the process, so the process has no exit code.
  expect(await ended).toMatchObject({ lines: [], code: null })
})

test('names --send and --json if it runs without a terminal and without them', async () => {
  const { err, code } = await pipe('hi', 'http://127.0.0.1:1', ['--username', 'ada'])
  expect(code).toBe(1)
  expect(err).toMatch(/not a terminal.*--send.*--json/)
})

test('stores the token but not the password with --remember, and the next call needs no login', async () => {
  const chat = await startChat()
  const { token } = await chat.register('ada')
  const folder = newFolder()
  const file = join(folder, 'fastify-chat', 'tokens.json')
  await pipe('one', chat.url, ['--username', 'ada', '--send'], { folder })
  expect(() => statSync(file)).toThrow('ENOENT')
  await pipe('two', chat.url, ['--username', 'ada', '--send', '--remember'], { folder })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readFileSync(file, 'utf8')).not.toContain(PASSWORD)
  expect(await pipe('three', chat.url, ['--send'], { folder, password: '' })).toMatchObject({ code: 0 })
  expect(await contents(chat, token)).toEqual(['one', 'two', 'three'])
})

test('prints every frame as a line with --json until a signal ends it', async () => {
  const chat = await startChat()
  await chat.register('ada')
  const client = startClient(chat.url, ['--username', 'ada', '--json'])
  expect(await client.frame({ type: 'system', event: 'connected' })).toMatchObject({ username: 'ada' })
  await client.frame({ type: 'subscribed' })
  await pipe('hi', chat.url, ['--username', 'ada', '--send'])
  expect(await client.frame({ type: 'message' })).toMatchObject({ content: 'hi', room: 'general', seq: 1 })
  client.child.kill('SIGTERM')
  expect(await client.ended).toMatchObject({ err: '', code: 0 })
})

test('ends when the reader of the output of --json has exited', async () => {
  const chat = await startChat()
  const { token } = await chat.register('ada')
  const client = startClient(chat.url, ['--username', 'ada', '--json'])
  await client.frame({ type: 'subscribed' })
  client.child.stdout.destroy()
  await chat.call('POST', '/api/chat/rooms/general/messages', { token, body: { content: 'hi' } })
  expect(await client.ended).toMatchObject({ err: '', code: 0 })
})

test('prints no control characters of other users: --json has escapes, errors have symbols', async () => {
  const chat = await startChat()
  const bob = await chat.join(await chat.register('bob'))
  await chat.register('ada')
  const { child, ended, frame } = startClient(chat.url, ['--username', 'ada', '--json'])
  await frame({ type: 'subscribed' })
  const content = 'a\x1b]0;owned\x07\x9b2J\x7f\u202eb'
  bob.send({ type: 'message', content })
  expect((await frame({ type: 'message' })).content).toBe(content)
  child.kill('SIGTERM')
  const { lines } = await ended
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the output must not contain control characters.
  for (const line of lines) expect(line).not.toMatch(/[\u0000-\u001f\u007f-\u009f]|\p{Bidi_Control}/u)

  const refusal = createHttpServer((_, response) => {
    response.writeHead(401, { 'content-type': 'application/problem+json' })
    response.end(JSON.stringify({ code: 'invalid_credentials', detail: 'No.\x9b2J\u202e' }))
  })
  await new Promise<void>(resolve => refusal.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void refusal.close())
  const { port } = refusal.address() as AddressInfo
  const refused = await pipe('hello', `http://127.0.0.1:${port}`, ['--username', 'ada', '--send'])
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('No.\ufffd2J\ufffd') })
})
