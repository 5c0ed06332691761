/** Tests two services that notify each other over Redis. */
import { createServer as createTcpServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { startRedis } from '../support/redis-server.ts'
import { isAvailable } from '../support/requirements.ts'
import { startChat } from '../support/start-chat.ts'

describe.runIf(isAvailable('redis'))('a service with REDIS_URL', () => {
  test('delivers the messages of other processes, and logs no password', async () => {
    const server = await startRedis({ config: ['requirepass hunter2'] })
    onTestFinished(() => server.stop())
    const settings = { redisUrl: `redis://:hunter2@127.0.0.1:${server.port}`, redisPrefix: 'chat' }
    const one = await startChat({ settings })
    const two = await startChat({ settings, database: one.database })
    const [ann, bob] = [await one.join(await one.register('ann')), await two.join(await two.register('bob'))]
    ann.send({ type: 'message', content: 'over Redis' })
    expect(await bob.nextOf('message')).toMatchObject({ content: 'over Redis' })
    expect(server.command(['pubsub', 'channels', 'chat:*'], ['--no-auth-warning', '-a', 'hunter2'])).toMatch(/^chat:/)
    await server.kill()
    ann.send({ type: 'message', content: 'without Redis' })
    expect(await bob.nextOf('message')).toMatchObject({ content: 'without Redis' })
    await expect.poll(() => one.log(), { interval: 50 }).toContain('Redis fails for this process')
    expect(one.log() + two.log()).not.toContain('hunter2')
    expect((await one.call('GET', '/health/ready')).status).toBe(200)
  })

  test('starts and is ready while Redis accepts connections and never responds', async () => {
    const silent = createTcpServer(() => {}).listen(0, '127.0.0.1')
    onTestFinished(() => void silent.close())
    const address = silent.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const { call } = await startChat({ settings: { redisUrl: `redis://127.0.0.1:${port}` } })
    expect((await call('GET', '/health/ready')).status).toBe(200)
  })
})
