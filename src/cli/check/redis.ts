/** Checks Redis with the settings of the service: a published message must arrive at a subscriber. */
import { loadRedisLink } from '../../bus/redis/link.ts'
import type { Settings } from '../../config/settings.ts'
import { withTimeout } from '../../lib/timeout.ts'

type RedisValues = Pick<Settings, 'redisUrl' | 'redisCa' | 'redisSentinels' | 'redisSentinelPassword' | 'redisPrefix'>

const TIMEOUT_MS = 5000

/** Returns a description of the result. Rejects if a message does not arrive. Uses a channel that no process listens to. */
export const checkRedis = async (settings: RedisValues): Promise<string> => {
  const { redisUrl: url, redisCa: ca, redisSentinels: sentinels, redisSentinelPassword: sentinelPassword } = settings
  if (url === undefined) return 'not set: processes use PostgreSQL'
  const link = await loadRedisLink({ url, ca, sentinels, sentinelPassword })
  const channel = `${settings.redisPrefix}:check`
  const arrived = new Promise<void>((resolve, reject) => {
    link.open(channel, {
      onMessage: () => resolve(),
      onUp: () => void link.publish(channel, 'check').catch(reject),
      onDown() {},
      onError: reject
    })
  })
  try {
    await withTimeout(TIMEOUT_MS, 'Redis', arrived)
    return 'messages arrive'
  } catch (cause) {
    const advice = 'Check REDIS_URL, the password, the certificate (REDIS_CA) and the rights of its user.'
    throw new Error(`Redis delivers no message. ${advice}`, { cause })
  } finally {
    link.close()
  }
}
