/** Runs a host application with only the chat's WebSocket handling, without a database and users. */
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import fp from 'fastify-plugin'
import { onTestFinished } from 'vitest'
import problems from '../../plugins/problems.ts'
import sockets, { type ChatSocketsOptions } from '../../plugins/sockets.ts'
import { type ConnectOptions, connect, type SocketClient } from './socket-client.ts'

/** The options of the routes and of the host that a test can change. */
export interface StartSocketsOptions extends ChatSocketsOptions {
  readonly server?: object
  readonly prefixes?: readonly string[]
  /** The address to listen on, or the path of a Unix socket. */
  readonly listen?: { readonly host: string } | { readonly path: string }
  /** Functions that the host calls before and after it registers the routes. */
  readonly before?: (app: FastifyInstance) => unknown
  readonly after?: (app: FastifyInstance) => unknown
  /** The function that the route awaits before it opens the WebSocket. */
  readonly authenticate?: () => unknown
}

export interface RunningSockets {
  readonly app: FastifyInstance
  readonly port: number
  readonly log: () => string
  /** Opens a WebSocket and waits for its first frame, `{ type: 'hello', prefix, ip }`. */
  join(path: string, options?: ConnectOptions): Promise<SocketClient>
}

const core = fp(
  async (app: FastifyInstance) => {
    app.decorate('chatCore', { connections: { maxFrameBytes: 1000 } } as never)
  },
  { name: 'chat-core' }
)

/**
 * Starts the host. Below each prefix, the host has a WebSocket route at `/ws/chat`, which sends `hello`. The host also has
 * HTTP routes at `/plain`, without a prefix.
 */
export const startSockets = async (options: StartSocketsOptions = {}): Promise<RunningSockets> => {
  const {
    server,
    prefixes = [''],
    listen = { host: '127.0.0.1' },
    before,
    after,
    responseTimeoutMs,
    authenticate
  } = options
  const lines: string[] = []
  const stream = { write: (line: string) => void lines.push(line) }
  const app: FastifyInstance = Fastify({ logger: { level: 'warn', stream }, ...(server as FastifyServerOptions) })
  onTestFinished(() => app.close())
  app.get('/plain', async () => 'plain')
  app.post('/plain', async ({ body }) => body)
  await before?.(app)
  for (const prefix of prefixes) {
    await app.register(
      async scope => {
        await scope.register(core)
        await scope.register(problems)
        await scope.register(sockets, { responseTimeoutMs })
        scope.route({
          method: 'GET',
          url: '/ws/chat',
          exposeHeadRoute: false,
          config: { chatSocket: true },
          preValidation: async () => void (await authenticate?.()),
          async preHandler(request, reply) {
            const hello = Buffer.from(JSON.stringify({ type: 'hello', prefix, ip: request.ip ?? null }))
            scope.chatSockets.open(request, reply, socket => socket.send(hello, { binary: false }, () => {}))
          },
          handler: () => {}
        })
      },
      { prefix }
    )
  }
  await after?.(app)
  await app.listen('path' in listen ? { path: listen.path } : { host: listen.host, port: 0 })
  const address = app.server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const scheme = server && 'https' in server ? 'wss' : 'ws'
  return {
    app,
    port,
    log: () => lines.join(''),
    async join(path, connectOptions) {
      const client = await connect(`${scheme}://127.0.0.1:${port}${path}`, connectOptions)
      await client.nextOf('hello')
      return client
    }
  }
}
