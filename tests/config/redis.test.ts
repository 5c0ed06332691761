/** Tests the settings of Redis, and the options of ioredis that the service derives from these settings. */
import { describe, expect, test } from 'vitest'
import { optionsOf } from '../../src/bus/redis/options.ts'
import { resolveSettings } from '../../src/config/resolve.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'

const resolve = (values: Record<string, string>) =>
  resolveSettings({
    values: { databaseUrl: 'postgres://db/chat', secretKey: SECRET_KEY, encryptionKey: ENCRYPTION_KEY, ...values },
    mode: 'production',
    names: 'environment'
  }).settings

describe('the settings of Redis', () => {
  test.for<[Record<string, string>, string]>([
    [{ redisUrl: 'http://redis' }, 'REDIS_URL must be redis://'],
    [{ redisUrl: 'redis://' }, 'REDIS_URL must be redis://'],
    [{ redisUrl: 'redis://:hunter2%@redis' }, 'REDIS_URL must be redis://'],
    [{ redisUrl: 'redis://:hunter2@redis/4' }, 'REDIS_URL must be redis://'],
    [{ redisSentinels: 'redis:26379,not an address' }, 'REDIS_SENTINELS'],
    [{ redisSentinels: 'redis:99999' }, 'REDIS_SENTINELS'],
    [{ redisPrefix: 'a b' }, 'REDIS_PREFIX must be 1-64 characters'],
    [{ redisCa: 'ca.pem' }, 'REDIS_CA must be a certificate']
  ])('rejects %j without printing the value', ([values, message]) => {
    expect(() => resolve(values)).toThrow(message)
    expect(() => resolve(values)).not.toThrow('hunter2')
  })

  test('become the options of one server', () => {
    const { redisUrl = '', redisSentinels, redisPrefix } = resolve({ redisUrl: 'redis://chat:p%40ss@[::1]:7000/' })
    expect([redisSentinels, redisPrefix]).toEqual([[], 'fastify-chat'])
    const options = optionsOf({ url: redisUrl })
    expect(options).toMatchObject({ host: '::1', port: 7000, username: 'chat', password: 'p@ss' })
    expect(options.tls).toBeUndefined()
    expect(optionsOf({ url: 'rediss://redis', ca: 'PEM' })).toMatchObject({ port: 6379, tls: { ca: 'PEM' } })
  })

  test('become the options of Sentinel, with the name of the primary', () => {
    const sentinels = resolve({ redisSentinels: '10.0.0.1, [::1]:7001,sentinel.example:7002' }).redisSentinels
    expect(optionsOf({ url: 'redis://:secret@My_Primary', sentinels, sentinelPassword: 'other' })).toMatchObject({
      name: 'My_Primary',
      password: 'secret',
      sentinelPassword: 'other',
      sentinels: [
        { host: '10.0.0.1', port: 26_379 },
        { host: '::1', port: 7001 },
        { host: 'sentinel.example', port: 7002 }
      ]
    })
    expect(optionsOf({ url: 'rediss://primary', sentinels, ca: 'PEM' })).toMatchObject({
      enableTLSForSentinelMode: true,
      sentinelTLS: { ca: 'PEM' }
    })
  })

  test('limit the delay between attempts to connect', () => {
    const { retryStrategy } = optionsOf({ url: 'redis://redis' })
    const delays = [1, 2, 5, 10, 100, 100_000].map(attempt => Number(retryStrategy?.(attempt)))
    for (const delay of delays) expect(delay).toBeLessThanOrEqual(3000)
    expect(delays[0]).toBeLessThanOrEqual(100)
  })
})
