/** Starts a service from settings, and checks its main functions. */
import type { FastifyInstance } from 'fastify'
import { expect, onTestFinished } from 'vitest'
import type { Settings } from '../../src/config/settings.ts'
import { createServer, type ServerOptions } from '../../src/server.ts'
import { testSettings } from './settings.ts'
import { connect } from './socket-client.ts'

export interface RunningService {
  readonly server: FastifyInstance
  readonly url: string
  readonly log: () => string
}

/** Starts a service that applies migrations when it starts. The service is closed when the test ends. */
export const startService = async (
  settings: Partial<Settings>,
  client?: ServerOptions['client']
): Promise<RunningService> => {
  const lines: string[] = []
  const server = await createServer({
    settings: testSettings({ migrateOnStart: true, databasePoolMax: 3, ...settings }),
    logTo: { write: line => lines.push(line) },
    ...(client ? { client } : {})
  })
  onTestFinished(() => server.close())
  const url = await server.listen({ host: '127.0.0.1', port: 0 })
  return { server, url, log: () => lines.join('') }
}

const call = async (url: string, token: string | undefined, body?: object) => {
  const response = await fetch(url, {
    method: body ? 'POST' : 'GET',
    headers: {
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...(token ? { authorization: `Bearer ${token}` } : {})
    },
    ...(body ? { body: JSON.stringify(body) } : {})
  })
  // biome-ignore lint/suspicious/noExplicitAny: a test reads any field of a response.
  return { status: response.status, body: (await response.json()) as any }
}

/** Registers a user, logs in and returns the access token. */
export const logIn = async ({ url }: RunningService, username: string): Promise<string> => {
  const credentials = { username, password: 'SecurePass123' }
  expect(await call(`${url}/api/auth/register`, undefined, credentials)).toMatchObject({
    status: 201,
    body: { username }
  })
  const login = await call(`${url}/api/auth/login`, undefined, credentials)
  expect(login.status).toBe(200)
  return login.body.access_token
}

/** Connects to the WebSocket with a token. */
export const joinWith = ({ url }: RunningService, token: string) =>
  connect(`${url.replace('http', 'ws')}/ws/chat?token=${token}`)

const isRecent = (time: string): boolean => Math.abs(Date.parse(time) - Date.now()) < 60_000

/**
 * Registers a user, logs in, creates a room, sends messages and reads them. Expects every step to succeed, and timestamps to be
 * recent.
 */
export const exercise = async (service: RunningService, username: string): Promise<void> => {
  const { url } = service
  const token = await logIn(service, username)
  const me = await call(`${url}/api/users/me`, token)
  expect(me).toMatchObject({ status: 200, body: { username } })
  expect(isRecent(me.body.created_at), me.body.created_at).toBe(true)
  const room = `room-${username}`
  expect((await call(`${url}/api/chat/rooms`, token, { room, title: 'A room' })).status).toBe(201)
  const socket = await joinWith(service, token)
  const content = `said by ${username}, "quoted", back\\slash, {brace}, NULL`
  // The repeated nonce is found only if the database driver passes arrays correctly.
  for (const nonce of ['n1', 'n2', 'n1']) socket.send({ type: 'message', content, meta: { a: [1, null] }, nonce })
  const message = await socket.nextOf('message')
  expect(message).toMatchObject({ content, meta: { a: [1, null] } })
  expect(isRecent(message.timestamp), message.timestamp).toBe(true)
  await socket.nextOf('message')
  socket.send({ type: 'message', content: 'no meta', nonce: 'n3' })
  await socket.nextOf('message')
  const { body } = await call(`${url}/api/chat/messages?limit=3`, token)
  expect(body.map((one: { content: string }) => one.content)).toEqual([content, content, 'no meta'])
  expect(body.map((one: { seq: number }) => one.seq)).toEqual([message.seq, message.seq + 1, message.seq + 2])
  await socket.close()
}
