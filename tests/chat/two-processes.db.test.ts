/**
 * Tests two services on one database. The clients of each service must receive all entries that the other service stores, in
 * order.
 */
import { describe, expect, test } from 'vitest'
import type { Bus, BusListener } from '../../src/bus/bus.ts'
import { createMemoryBus, createMemoryNetwork } from '../../src/bus/drivers/memory.ts'
import { fakeClock } from '../support/clock.ts'
import { engine } from '../support/database.ts'
import type { SocketClient } from '../support/socket-client.ts'
import { type RunningChat, type StartOptions, startChat } from '../support/start-chat.ts'

/** Starts two services that share the PostgreSQL bus. With the embedded database or `busOf`, they share a bus in memory. */
const startTwo = async (options: StartOptions = {}, busOf?: (bus: Bus) => Bus): Promise<[RunningChat, RunningChat]> => {
  const network = createMemoryNetwork()
  const bus = () => {
    const made = engine === 'pglite' || busOf ? { bus: createMemoryBus(network) } : {}
    return made.bus && busOf ? { bus: busOf(made.bus) } : made
  }
  const settings = { messageRateLimit: 0, connectionsPerUser: 0 }
  const one = await startChat({ settings, ...options, ...bus() })
  const two = await startChat({ settings, ...options, ...bus(), database: one.database })
  return [one, two]
}

const talk = (client: SocketClient, name: string, count: number): void => {
  for (let at = 0; at < count; at++) client.send({ type: 'message', content: `${name} ${at}`, nonce: `${name}-${at}` })
}

const readAll = async (client: SocketClient, count: number): Promise<{ seq: number; content: string }[]> => {
  const seen: { seq: number; content: string }[] = []
  while (seen.length < count) {
    const { seq, content } = await client.nextOf('message')
    seen.push({ seq, content })
  }
  return seen
}

const expectSameLog = async (clients: SocketClient[], count: number) => {
  const [first, ...others] = await Promise.all(clients.map(client => readAll(client, count)))
  expect(first?.map(({ seq }) => seq)).toEqual(Array.from({ length: count }, (_, at) => at + 1))
  for (const other of others) expect(other).toEqual(first)
}

describe('two processes', () => {
  test('deliver the same log to all clients of both', async () => {
    const [one, two] = await startTwo()
    const [john, jane] = [await one.register('john'), await one.register('jane')]
    const clients = [await one.join(john), await two.join(jane), await two.join(john)]
    talk(clients[0] as SocketClient, 'a', 150)
    talk(clients[1] as SocketClient, 'b', 150)
    await expectSameLog(clients, 300)
  })

  test('store a message once if it is sent to both with the same nonce', async () => {
    const [one, two] = await startTwo()
    const john = await one.register('john')
    const [here, there] = [await one.join(john), await two.join(john)]
    talk(here, 'same', 50)
    talk(there, 'same', 50)
    const acks = async (client: SocketClient) => {
      const all = new Map<string, number>()
      while (all.size < 50) {
        const { nonce, seq } = await client.nextOf('ack')
        all.set(nonce, seq)
      }
      return all
    }
    const [first, second] = await Promise.all([acks(here), acks(there)])
    expect(second).toEqual(first)
    expect(await one.database.rooms.findByName('general')).toMatchObject({ lastSeq: 50 })
  })

  test('deliver all messages even if the bus loses all announcements', async () => {
    const clock = fakeClock()
    const lossy = (bus: Bus): Bus => ({ ...bus, announce() {}, publish: () => true, listen: async () => {} })
    const [one, two] = await startTwo({ clock }, lossy)
    const [john, jane] = [await one.register('john'), await one.register('jane')]
    const [here, there] = [await one.join(john), await two.join(jane)]
    talk(here, 'a', 20)
    await readAll(here, 20)
    expect((await there.untilPong()).filter(({ type }) => type === 'message')).toEqual([])
    // The second service missed the entries of the first service. The second service must read these entries before it delivers
    // its own message.
    talk(there, 'b', 1)
    expect((await readAll(there, 21)).at(-1)).toEqual({ seq: 21, content: 'b 0' })
    talk(here, 'c', 5)
    await readAll(here, 6)
    clock.advance(5000)
    expect((await readAll(there, 5)).map(({ seq }) => seq)).toEqual([22, 23, 24, 25, 26])
  })

  test('read missed messages when the bus calls reset', async () => {
    let listener: BusListener | undefined
    const cut = (bus: Bus): Bus => ({
      ...bus,
      announce() {},
      async listen(given) {
        listener = given
      }
    })
    const [one, two] = await startTwo({}, cut)
    const [john, jane] = [await one.register('john'), await one.register('jane')]
    const [here, there] = [await one.join(john), await two.join(jane)]
    talk(here, 'a', 3)
    await readAll(here, 3)
    listener?.reset()
    expect((await readAll(there, 3)).length).toBe(3)
  })

  test('query the database if `after` is higher than the last known seq, and report ahead only if the log is shorter', async () => {
    const lossy = (bus: Bus): Bus => ({ ...bus, announce() {}, listen: async () => {} })
    const [one, two] = await startTwo({ clock: fakeClock() }, lossy)
    const john = await one.register('john')
    const [here, there] = [await one.join(john), await two.join(john, {}, '?rooms=general')]
    await there.nextOf('subscribed')
    talk(here, 'a', 5)
    await readAll(here, 5)
    there.send({ type: 'subscribe', room: 'general', after: 4, ref: 'r' })
    expect(await there.nextOf('subscribed')).toMatchObject({ seq: 5, ref: 'r' })
    there.send({ type: 'subscribe', room: 'general', after: 6, ref: 'ahead' })
    expect(await there.nextOf('resync')).toMatchObject({ reason: 'ahead', seq: 5, ref: 'ahead' })
  })

  test('deliver typing to the clients of both', async () => {
    const [one, two] = await startTwo()
    const [john, jane] = [await one.register('john'), await one.register('jane')]
    const [here, there] = [await one.join(john), await two.join(jane)]
    here.send({ type: 'typing' })
    expect(await there.nextOf('typing')).toMatchObject({ username: 'john', room: 'general' })
  })
})

test('a user who reconnects within the grace period does not leave the chat', async () => {
  const clock = fakeClock()
  const chat = await startChat({ clock })
  const [john, jane] = [await chat.register('john'), await chat.register('jane')]
  const watcher = await chat.join(john)
  const client = await chat.join(jane)
  expect(await watcher.nextOf('system')).toMatchObject({ event: 'joined', message: 'jane joined the chat' })
  await client.close()
  clock.advance(4000)
  const again = await chat.join(jane)
  clock.advance(10_000)
  expect((await watcher.untilPong()).filter(({ type }) => type === 'system')).toEqual([])
  await again.close()
  clock.advance(6000)
  expect(await watcher.nextOf('system')).toMatchObject({ event: 'left', message: 'jane left the chat' })
})

test('every process logs at the level debug which request appended an entry', async () => {
  const [one, two] = await startTwo({ settings: { logLevel: 'debug' } })
  const john = await one.register('john')
  const client = await one.join(john, { headers: { 'x-request-id': 'socket-request' } })
  client.send({ type: 'message', content: 'one', ref: 'r' })
  await client.nextOf('ack')
  const headers = { 'x-request-id': 'http-request' }
  await one.call('POST', '/api/chat/rooms/general/messages', { token: john.token, headers, body: { content: 'two' } })
  const traced = (chat: RunningChat, text: string) =>
    chat
      .log()
      .split('\n')
      .filter(line => line.includes(text))
      .map(line => JSON.parse(line))
      .map(({ reqId, seq }) => [reqId, seq])
  const both = [
    ['socket-request', 1],
    ['http-request', 2]
  ]
  expect(traced(one, '"appended an entry"')).toEqual(both)
  await expect.poll(() => traced(two, 'another process appended an entry')).toEqual(both)
  expect(traced(two, '"appended an entry"')).toEqual([])
})

test('no request id is published above the level debug', async () => {
  const published: string[] = []
  const recording = (bus: Bus): Bus => ({
    ...bus,
    publish(event) {
      published.push(event.kind)
      return bus.publish(event)
    }
  })
  const [one] = await startTwo({ settings: { logLevel: 'info' } }, recording)
  const client = await one.join(await one.register('john'))
  client.send({ type: 'message', content: 'one', ref: 'r' })
  await client.nextOf('ack')
  expect(published).not.toContain('appended')
})
