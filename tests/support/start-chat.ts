/** The whole service on a real port and a fresh schema, with fixed keys and cheap passwords. */
import type { FastifyInstance } from 'fastify'
import { onTestFinished } from 'vitest'
import type { Settings } from '../../src/config/settings.ts'
import type { ChatDatabase } from '../../src/db/database.ts'
import { createServer, type ServerOptions } from '../../src/server.ts'
import { testDatabase } from './database.ts'
import { testSettings } from './settings.ts'
import { type ConnectOptions, connect, type Frame, type SocketClient } from './socket-client.ts'

export const PASSWORD = 'SecurePass123'

/** A person who registered and logged in. */
export interface Person {
  readonly id: number
  readonly username: string
  readonly token: string
}

/** A running service. */
export interface RunningChat {
  readonly server: FastifyInstance
  readonly database: ChatDatabase
  readonly settings: Settings
  readonly url: string
  /** Every log line so far, as text. */
  readonly log: () => string
  /** A JSON call; `token` goes into `Authorization`. */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>
  register(username: string): Promise<Person>
  /** Connects as a person with `?token=`, and takes the frames away that say what it is connected to. */
  join(person: Person, options?: ConnectOptions, query?: string): Promise<SocketClient & { readonly first: Frame }>
}

interface CallOptions {
  readonly token?: string
  readonly body?: unknown
  readonly headers?: Record<string, string>
}

interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test reads whatever the service answered.
  readonly body: any
}

/** What a test may change of the service. */
export interface StartOptions extends Pick<ServerOptions, 'clock' | 'bus' | 'appendQueue'> {
  readonly settings?: Partial<Settings>
  readonly database?: ChatDatabase
}

/** Starts the service; it is closed when the test ends. */
export const startChat = async ({
  settings: changed,
  database: given,
  ...injected
}: StartOptions = {}): Promise<RunningChat> => {
  const database = given ?? (await testDatabase())
  const settings = testSettings({ databaseSchema: database.schema, audience: database.schema, ...changed })
  const lines: string[] = []
  const server = await createServer({
    settings,
    client: database.client,
    logTo: { write: line => lines.push(line) },
    ...injected
  })
  onTestFinished(() => server.close())
  const url = await server.listen({ host: '127.0.0.1', port: 0 })

  const call: RunningChat['call'] = async (method, path, { token, body, headers } = {}) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...headers
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) })
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json')
    return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
  }

  return {
    server,
    database,
    settings,
    url,
    log: () => lines.join(''),
    call,
    async register(username) {
      const registered = await call('POST', '/api/auth/register', { body: { username, password: PASSWORD } })
      const login = await call('POST', '/api/auth/login', { body: { username, password: PASSWORD } })
      return { id: registered.body.id, username, token: login.body.access_token }
    },
    async join({ token }, options, query = '?') {
      const client = await connect(`${url.replace('http', 'ws')}/ws/chat${query}&token=${token}`, options)
      const first = await client.next()
      // Rooms followed from the start are confirmed next, with who is there.
      if (first.event === 'connected' && query === '?') {
        await client.nextOf('subscribed')
        await client.nextOf('presence')
      }
      return Object.assign(client, { first })
    }
  }
}
