/** Runs a host application with the embedded chat and the host's own users, on a real port and an empty schema. */
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { onTestFinished } from 'vitest'
import type { HostUser } from '../../src/accounts/host-users.ts'
import type { HostKinds } from '../../src/chat/kinds/host-kind.ts'
import type { ChatDatabase } from '../../src/db/database.ts'
import { type CreateChatOptions, createChat, type EmbeddedChat } from '../../src/host.ts'
import { testDatabase } from './database.ts'
import { ENCRYPTION_KEY } from './settings.ts'
import { type ConnectOptions, connect, type SocketClient } from './socket-client.ts'

export interface RunningHost<Kinds extends HostKinds = Record<never, never>> {
  readonly app: FastifyInstance
  readonly chat: EmbeddedChat<Kinds>
  readonly database: ChatDatabase
  readonly url: string
  readonly log: () => string
  /** Sends an HTTP request as one of the host's users. `as` is an id, or an id and a name, such as `ann` or `ann:Ann Other`. */
  call(method: string, path: string, options?: { as?: string; body?: unknown; headers?: object }): Promise<HttpResponse>
  /** Connects as one of the host's users. `as` is the same as for `call`. */
  join(as: string, options?: ConnectOptions, query?: string): Promise<SocketClient>
}

interface HttpResponse {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test reads any field of a response.
  readonly body: any
}

/** Options of the chat, and of the host that contains it. */
export interface HostOptions<Kinds extends HostKinds = Record<never, never>> extends Partial<CreateChatOptions<Kinds>> {
  readonly prefix?: string
  readonly database?: ChatDatabase
  readonly server?: FastifyServerOptions
  /** Functions that the host calls before and after it registers the chat. */
  readonly before?: (app: FastifyInstance) => unknown
  readonly after?: (app: FastifyInstance) => unknown
}

/** Authenticates a user of the host: returns the user in the header `x-user`. */
export const byHeader = ({ headers }: { headers: Record<string, unknown> }): HostUser | null => {
  if (typeof headers['x-user'] !== 'string' || headers['x-user'] === '') return null
  const [id = '', name = id] = headers['x-user'].split(':')
  return { id, name }
}

/** The settings of a chat in a test, without its database. */
export const hostSettings = { encryptionKey: ENCRYPTION_KEY, messageRateLimit: 0, maxLoopDelayMs: 0 }

/** Starts a host. The host is closed when the test ends. */
export const startHost = async <Kinds extends HostKinds = Record<never, never>>(
  options: HostOptions<Kinds> = {}
): Promise<RunningHost<Kinds>> => {
  const { prefix = '/support', database: given, server, before, after, ...changed } = options
  const database = given ?? (await testDatabase())
  const lines: string[] = []
  const app = Fastify({ logger: { level: 'warn', stream: { write: line => lines.push(line) } }, ...server })
  onTestFinished(async () => {
    await app.close()
  })
  const chat = createChat<Kinds>({
    ...hostSettings,
    databaseSchema: database.schema,
    client: database.client,
    authenticate: byHeader,
    joinsPosters: false,
    ...changed
  })
  await before?.(app)
  await app.register(chat.plugin, { prefix })
  await after?.(app)
  const url = await app.listen({ host: '127.0.0.1', port: 0 })

  return {
    app,
    chat,
    database,
    url,
    log: () => lines.join(''),
    async call(method, path, { as, body, headers } = {}) {
      const response = await fetch(url + path, {
        method,
        headers: {
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...(as === undefined ? {} : { 'x-user': as }),
          ...headers
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) })
      })
      const text = await response.text()
      const isJson = response.headers.get('content-type')?.includes('json')
      return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text }
    },
    async join(as, connectOptions = {}, query = '') {
      const { headers, ...more } = connectOptions
      const address = `${url.replace('http', 'ws')}${prefix}/ws/chat${query}`
      const client = await connect(address, { ...more, headers: { 'x-user': as, ...headers } })
      await client.nextOf(query === '' ? 'subscribed' : 'system')
      return client
    }
  }
}
