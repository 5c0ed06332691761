/** Tests the connections to Redis: optional package, errors during a handshake, and the failover of Sentinel. */
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { loadRedisLink, type RedisLink } from '../../src/bus/redis/link.ts'
import { createCertificate } from '../support/certificate.ts'
import { startRedis, startRedisWithSentinel } from '../support/redis-server.ts'
import { isAvailable } from '../support/requirements.ts'

test('says which package is missing, without the URL', async () => {
  const missing = loadRedisLink({ url: 'redis://:hunter2@redis' }, () => Promise.reject(new Error('not found')))
  await expect(missing).rejects.toThrow('REDIS_URL is set, but ioredis is not installed. Run `npm install ioredis`.')
})

/** Opens the connections. `received` contains the messages. `isUp` waits until the connections are open. */
const openLink = (link: RedisLink) => {
  const received: string[] = []
  link.open('channel', { onMessage: message => received.push(message), onUp() {}, onDown() {}, onError() {} })
  onTestFinished(() => link.close())
  return { link, received, isUp: () => expect.poll(() => link.isUp, { interval: 20 }).toBe(true) }
}

describe.runIf(isAvailable('redis'))('the connections to Redis', () => {
  test('are closed while the certificate is rejected, without an uncaught exception', async () => {
    const { key, cert } = createCertificate()
    const config = [
      'tls-cert-file cert.pem',
      'tls-key-file key.pem',
      'tls-auth-clients no',
      'tls-ca-cert-file cert.pem'
    ]
    const server = await startRedis({ isSecure: true, files: { 'key.pem': key, 'cert.pem': cert }, config })
    onTestFinished(() => server.stop())
    const url = `rediss://127.0.0.1:${server.port}`
    // Closes each connection at another moment of the handshake. Vitest fails the run if this causes an uncaught exception.
    for (let at = 0; at < 60; at++) {
      const { link } = openLink(await loadRedisLink({ url }))
      await delay(at % 12)
      link.close()
    }
    await openLink(await loadRedisLink({ url, ca: cert })).isUp()
  })

  test('are opened although they are replaced while they open', async () => {
    const server = await startRedis()
    onTestFinished(() => server.stop())
    const { link, isUp } = openLink(await loadRedisLink({ url: `redis://127.0.0.1:${server.port}` }))
    link.replace()
    await isUp()
    link.replace()
    await expect.poll(() => link.isUp, { interval: 5 }).toBe(false)
    for (let at = 0; at < 100; at++) {
      await delay(1)
      link.replace()
    }
    await isUp()
  })

  test('follow Sentinel to the new primary', async () => {
    const redis = await startRedisWithSentinel()
    onTestFinished(() => redis.stop())
    const { link, received, isUp } = openLink(await loadRedisLink(redis.settings))
    await isUp()
    await link.publish('channel', 'before')
    await expect.poll(() => received, { interval: 20 }).toEqual(['before'])
    await redis.failOver()
    await isUp()
    await link.publish('channel', 'after')
    await expect.poll(() => received, { interval: 20 }).toEqual(['before', 'after'])
    expect(redis.command(['client', 'list']).match(/name=fastify-chat/g)).toHaveLength(2)
  })
})
