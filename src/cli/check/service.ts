/**
 * Defines the checks of the service's environment: Redis, the SMTP server, the proxy at PUBLIC_URL, and the limit of open
 * files.
 */
import { randomUUID } from 'node:crypto'
import { WebSocket } from 'ws'
import { checkSmtp } from '../../accounts/mail/smtp.ts'
import type { Settings } from '../../config/settings.ts'
import { capacity, defaultMaxConnections, OTHER_FILES } from '../../ops/max-connections.ts'
import type { Check } from './database.ts'
import { checkRedis } from './redis.ts'

const TIMEOUT_MS = 5000

export const serviceChecks = ({ smtpUrl, publicUrl, maxConnections, ...settings }: Settings): Check[] => [
  { name: 'redis', run: () => checkRedis(settings) },
  {
    name: 'smtp',
    run: async () => {
      if (smtpUrl === undefined) return 'not set: the service sends no mail'
      await checkSmtp(smtpUrl)
      return 'the server accepts the login'
    }
  },
  {
    name: 'public url',
    run: async () => {
      if (publicUrl === undefined) return 'not set'
      const base = publicUrl.replace(/\/$/, '')
      await checkHttp(base)
      await checkUpgrade(base)
      return 'leads to a running service, which accepts WebSockets'
    }
  },
  { name: 'open files', run: async () => checkOpenFiles(maxConnections) }
]

/** Sends a request with a random id. Throws unless the response repeats the id in a header, as only this service does. */
const checkHttp = async (base: string): Promise<void> => {
  const id = randomUUID()
  const response = await fetch(`${base}/health/live`, {
    headers: { 'x-request-id': id },
    signal: AbortSignal.timeout(TIMEOUT_MS)
  }).catch((cause: Error) => {
    throw new Error(
      `PUBLIC_URL cannot be reached from here. Start the service, and check the name, the certificate and the proxy.`,
      { cause }
    )
  })
  await response.body?.cancel()
  if (response.ok && response.headers.get('x-request-id') === id) return
  throw new Error(
    `PUBLIC_URL responds with ${response.status}, but not from this service. Check the proxy, and that it passes on X-Request-Id.`
  )
}

/** Opens a WebSocket without a token. The status 401 shows that the proxy has passed the upgrade on to the service. */
const checkUpgrade = (base: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`${base.replace(/^http/, 'ws')}/ws/chat`, 'chat.v1', { handshakeTimeout: TIMEOUT_MS })
    socket.on('error', () =>
      reject(new Error('PUBLIC_URL does not accept WebSockets. Configure the proxy to forward /ws/chat.'))
    )
    socket.on('unexpected-response', (request, { statusCode }) => {
      request.destroy()
      if (statusCode === 401) return resolve()
      const advice = 'Configure the proxy to forward the headers Upgrade and Connection, as in deploy/nginx.conf.'
      reject(
        new Error(
          `PUBLIC_URL responds to a WebSocket handshake without a token with ${statusCode}. The service would respond with 401. ${advice}`
        )
      )
    })
  })

const checkOpenFiles = (given: number | undefined): string => {
  const { openFiles } = capacity()
  const maxConnections = given ?? defaultMaxConnections()
  const needed = maxConnections + OTHER_FILES
  if (openFiles >= needed) return `${openFiles} allowed, ${needed} needed for ${maxConnections} connections`
  throw new Error(
    `This process may open ${openFiles} files, but MAX_CONNECTIONS needs ${needed}. Raise the limit (LimitNOFILE= of systemd, --ulimit nofile= of a container), or lower MAX_CONNECTIONS.`
  )
}
