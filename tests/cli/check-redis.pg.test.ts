import { describe, expect, onTestFinished, test } from 'vitest'
import { checkRedis } from '../../src/cli/check/redis.ts'
import { freePort } from '../support/free-port.ts'
import { startRedis } from '../support/redis-server.ts'
import { isAvailable } from '../support/requirements.ts'

const settings = { redisPrefix: 'fastify-chat', redisSentinels: [] }

describe.runIf(isAvailable('redis'))('the check of Redis', () => {
  test('succeeds if messages arrive, and fails with a wrong password, without the password in the error', async () => {
    const redis = await startRedis({ config: ['requirepass right'] })
    onTestFinished(() => redis.stop())
    const urlOf = (password: string) => `redis://:${password}@127.0.0.1:${redis.port}`
    expect(await checkRedis({ ...settings, redisUrl: urlOf('right') })).toBe('messages arrive')
    const error = await checkRedis({ ...settings, redisUrl: urlOf('wrong-password') }).catch(cause => cause)
    expect(error.message).toMatch(/^Redis delivers no message\. Check REDIS_URL/)
    expect(`${error.message} ${error.cause.message}`).not.toContain('wrong-password')
  })

  test('fails if nothing listens, and is not needed without REDIS_URL', async () => {
    const redisUrl = `redis://127.0.0.1:${await freePort()}`
    await expect(checkRedis({ ...settings, redisUrl })).rejects.toThrow('Redis delivers no message')
    expect(await checkRedis(settings)).toMatch(/^not set/)
  })
})
