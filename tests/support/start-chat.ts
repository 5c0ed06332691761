/** Runs the complete service on a real port and an empty schema, with fixed keys and cheap password hashes. */
import type { FastifyInstance } from 'fastify'
import { onTestFinished } from 'vitest'
import type { Settings } from '../../src/config/settings.ts'
import type { ChatDatabase } from '../../src/db/database.ts'
import { createServer, type ServerOptions } from '../../src/server.ts'
import { testDatabase } from './database.ts'
import { type HttpCall, httpOf } from './http-calls.ts'
import { testSettings } from './settings.ts'
import { type ConnectOptions, connect, type Frame, type SocketClient } from './socket-client.ts'

export const PASSWORD = 'SecurePass123'

/** A user who is registered and logged in. */
export interface Person {
  readonly id: number
  readonly username: string
  readonly token: string
}

export interface RunningChat {
  readonly server: FastifyInstance
  readonly database: ChatDatabase
  readonly settings: Settings
  readonly url: string
  /** Returns all log lines so far, as text. */
  readonly log: () => string
  readonly call: HttpCall
  register(username: string): Promise<Person>
  /**
   * Connects a user with `?token=`. Reads the first frame (`first`) and, without a `query`, the frames of the first
   * subscription.
   */
  join(person: Person, options?: ConnectOptions, query?: string): Promise<SocketClient & { readonly first: Frame }>
}

/** The parts of the service that a test can replace. */
export interface StartOptions
  extends Pick<
    ServerOptions,
    'authorize' | 'authorizeActions' | 'clock' | 'bus' | 'appendQueue' | 'joinsPosters' | 'builtInKinds' | 'printMail'
  > {
  readonly settings?: Partial<Settings>
  readonly database?: ChatDatabase
  /** The port to listen on. Only a test whose settings contain the port needs this option. The default is any free port. */
  readonly port?: number
}

/** Starts the service. It is closed when the test ends. */
export const startChat = async ({
  settings: changed,
  database: given,
  port = 0,
  ...injected
}: StartOptions = {}): Promise<RunningChat> => {
  const database = given ?? (await testDatabase())
  const settings = testSettings({ databaseSchema: database.schema, audience: database.schema, ...changed })
  const lines: string[] = []
  const server = await createServer({
    settings,
    client: database.client,
    logTo: { write: line => lines.push(line) },
    // Most tests count the entries of a room, and a join would be another entry.
    joinsPosters: false,
    ...injected
  })
  onTestFinished(() => server.close())
  const url = await server.listen({ host: '127.0.0.1', port })

  const call = httpOf(url)

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
      // The next frames confirm the first subscription and list who is online.
      if (first.event === 'connected' && query === '?') {
        await client.nextOf('subscribed')
        await client.nextOf('presence')
      }
      return Object.assign(client, { first })
    }
  }
}
