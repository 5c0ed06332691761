/** Tests the connections to Redis: optional package, errors during a handshake, and the failover of Sentinel. */
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { loadRedisLink, type RedisLink } from '../../src/bus/redis/link.ts'
import { createCertificate } from '../support/certificate.ts'
import { freePort } from '../support/free-port.ts'
import { hasRedis, startRedis } from '../support/redis-server.ts'

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

describe.skipIf(!hasRedis)('the connections to Redis', () => {
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
    // Vitest fails the run if there is an uncaught exception. The moment of the handshake differs between attempts.
    for (let at = 0; at < 60; at++) {
      const { link } = openLink(await loadRedisLink({ url }))
      await delay(at % 12)
      link.close()
    }
    await openLink(await loadRedisLink({ url, ca: cert })).isUp()
  })

  test('follow Sentinel to the new primary', async () => {
    const primary = await startRedis({ config: ['requirepass secret', 'masterauth secret'] })
    const replica = await startRedis({
      config: ['requirepass secret', 'masterauth secret', `replicaof 127.0.0.1 ${primary.port}`]
    })
    for (const server of [primary, replica]) onTestFinished(() => server.stop())
    const sentinel = await startRedis({
      program: 'redis-sentinel',
      config: [
        `sentinel monitor chat-primary 127.0.0.1 ${primary.port} 1`,
        'sentinel auth-pass chat-primary secret',
        'sentinel down-after-milliseconds chat-primary 500',
        'sentinel failover-timeout chat-primary 3000'
      ]
    })
    onTestFinished(() => sentinel.stop())
    const isKnown = () => sentinel.command(['sentinel', 'replicas', 'chat-primary']).includes(String(replica.port))
    await expect.poll(isKnown, { interval: 100 }).toBe(true)
    const sentinels = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${sentinel.port}`]
    const { link, received, isUp } = openLink(await loadRedisLink({ url: 'redis://:secret@chat-primary', sentinels }))
    await isUp()
    await link.publish('channel', 'before')
    await expect.poll(() => received, { interval: 20 }).toEqual(['before'])
    await primary.kill()
    const auth = ['--no-auth-warning', '-a', 'secret']
    await expect.poll(() => replica.command(['role'], auth).split('\n')[0], { interval: 100 }).toBe('master')
    await isUp()
    await link.publish('channel', 'after')
    await expect.poll(() => received, { interval: 20 }).toEqual(['before', 'after'])
    expect(replica.command(['client', 'list'], auth).match(/name=fastify-chat/g)).toHaveLength(2)
  })
})
