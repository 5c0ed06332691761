/**
 * The settings of Redis. With `redisUrl`, processes notify each other through Redis. They also use PostgreSQL while Redis fails
 * or a rolling upgrade is not finished. Without `redisUrl`, they use only PostgreSQL.
 */
import { checkItems, list, optional, ownedBy, text } from './define.ts'
import { ENCODING, isServiceUrl } from './service-url.ts'

const FORM = 'redis://USER:PASSWORD@HOST:PORT, or rediss:// for TLS'

/** Returns an error for a URL that cannot be parsed, or whose user or password cannot be decoded. */
const isRedisUrl = (value: unknown): string[] =>
  isServiceUrl(value, /^\/?0?$/) ? [] : [`must be ${FORM}. ${ENCODING}`]

const areAddresses = (value: unknown): string[] =>
  checkItems(value, address => {
    const isRight = /^(\[[\da-fA-F:.]+\]|[\w.-]+)(:\d{1,5})?$/.test(address) && URL.canParse(`redis://${address}`)
    return isRight ? undefined : 'must be HOST:PORT'
  })

export const redisSettings = ownedBy('chat', {
  redisUrl: optional(
    text({
      pattern: '^rediss?://[^\\s?#]+$',
      'x-rule': `must be ${FORM}`,
      description:
        'The Redis or Valkey server over which processes notify each other, in addition to PostgreSQL: `redis://USER:PASSWORD@HOST:PORT`, or `rediss://…` for TLS. With `REDIS_SENTINELS`, the host is the name of the primary, such as `redis://:PASSWORD@mymaster`. Needs the package `ioredis`, which the image contains.',
      check: isRedisUrl
    })
  ),
  redisCa: optional(
    text({
      pattern: '-----BEGIN CERTIFICATE-----',
      'x-rule': 'must be a certificate in PEM',
      description:
        'The certificate authority for `rediss://`, in PEM. Usually set as a file: `REDIS_CA_FILE=/path/ca.pem`.'
    })
  ),
  redisPrefix: text({
    default: 'fastify-chat',
    pattern: '^[\\w:.-]{1,64}$',
    'x-rule': 'must be 1-64 characters of A-Z, a-z, 0-9, "_", ":", "." and "-"',
    description: 'The first part of the channel in Redis. All processes of a service need the same prefix.'
  }),
  redisSentinels: list(text({ description: 'An address.' }), {
    description: 'The addresses of the Sentinels, such as `10.0.0.1:26379,10.0.0.2:26379,10.0.0.3:26379`.',
    check: areAddresses
  }),
  redisSentinelPassword: optional(text({ description: 'The password of the Sentinels, if they require one.' }))
})
