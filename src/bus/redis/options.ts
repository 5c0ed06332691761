/** Translates the settings of Redis into the options of ioredis. */
import type { RedisOptions } from 'ioredis'

export interface RedisSettings {
  /** `redis://` or `rediss://`. With `sentinels`, the host is the name of the primary. */
  readonly url: string
  /** The certificate authority for `rediss://`, in PEM. */
  readonly ca?: string | undefined
  /** `host:port` of each Sentinel. */
  readonly sentinels?: readonly string[]
  readonly sentinelPassword?: string | undefined
}

/** Timeout in milliseconds for each command. */
const COMMAND_MS = 250
const CONNECT_MS = 3000
/** The longest delay before a reconnect in milliseconds. */
const MAX_RETRY_MS = 3000

/** Returns the delay before a reconnect, in milliseconds. The delay doubles with each failure and has jitter. */
const retryDelay = (attempt: number): number =>
  Math.min(50 * 2 ** Math.min(attempt, 10), MAX_RETRY_MS) * (0.5 + Math.random() / 2)

const SENTINEL_PORT = 26_379
const REDIS_PORT = 6379

export const optionsOf = ({ url: text, ca, sentinels = [], sentinelPassword }: RedisSettings): RedisOptions => {
  const url = new URL(text)
  const isSecure = url.protocol === 'rediss:'
  const { username, password } = url
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const tlsOptions = ca === undefined ? {} : { ca }
  return {
    ...COMMON,
    ...(isSecure ? { tls: tlsOptions } : {}),
    ...(username ? { username: decodeURIComponent(username) } : {}),
    ...(password ? { password: decodeURIComponent(password) } : {}),
    ...(sentinels.length === 0
      ? { host, port: Number(url.port || REDIS_PORT) }
      : {
          name: decodeURIComponent(host),
          sentinels: sentinels.map(addressOf),
          ...(sentinelPassword ? { sentinelPassword } : {}),
          ...(isSecure ? { enableTLSForSentinelMode: true, sentinelTLS: tlsOptions } : {})
        })
  }
}

/** With these options, ioredis queues no commands. If a command cannot be sent at once, it fails and is not sent again. */
const COMMON: RedisOptions = {
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  maxRetriesPerRequest: 0,
  commandTimeout: COMMAND_MS,
  connectTimeout: CONNECT_MS,
  sentinelCommandTimeout: COMMAND_MS,
  disconnectTimeout: COMMAND_MS,
  retryStrategy: retryDelay,
  sentinelRetryStrategy: retryDelay,
  keepAlive: 10_000,
  connectionName: 'fastify-chat',
  disableClientInfo: true
}

const addressOf = (text: string): { host: string; port: number } => {
  const { hostname, port } = new URL(`redis://${text}`)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || SENTINEL_PORT) }
}
