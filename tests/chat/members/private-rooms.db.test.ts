/** Tests that a private room exists only for its members, and that nothing reaches a member after the removal. */
import { describe, expect, test } from 'vitest'
import { testDatabase } from '../../support/database.ts'
import { createDeferred } from '../../support/deferred.ts'
import type { SocketClient } from '../../support/socket-client.ts'
import { startChat } from '../../support/start-chat.ts'

const start = async () => {
  const database = await testDatabase()
  const { client, schema } = database
  const queries = { count: 0, isMembers: /members as member/, after: async (): Promise<void> => {} }
  const observed: typeof client = {
    ...client,
    async query<Row extends object>(text: string, ...rest: unknown[]) {
      if (/members as member|where name = any/.test(text)) queries.count++
      const rows: Row[] = await Reflect.apply(client.query, client, [text, ...rest])
      if (queries.isMembers.test(text)) await queries.after()
      return rows
    }
  }
  const chat = await startChat({
    database: { ...database, client: observed },
    settings: { messageRateLimit: 0, readRateLimit: 0 }
  })
  /** Holds back the result of the next look-up of a member. */
  const pauseLookup = () => {
    const [isReached, mayContinue] = [createDeferred(), createDeferred()]
    queries.after = async () => {
      queries.after = async () => {}
      isReached.resolve()
      await mayContinue.promise
    }
    return { reached: isReached.promise, proceed: () => mayContinue.resolve() }
  }
  const [john, jane, mary] = [await chat.register('john'), await chat.register('jane'), await chat.register('mary')]
  const sql = (text: string, params: unknown[] = []) => client.query(text.replaceAll('@', `"${schema}".`), params)
  await sql(`insert into @rooms (name, visibility, guarded) values ('p.secret', 'private', true)`)
  const join = (userId: number, role: string) =>
    sql(`insert into @members (room_id, user_id, role) select id, $1, $2 from @rooms where name = 'p.secret'`, [
      userId,
      role
    ])
  await join(john.id, 'owner')
  await join(jane.id, 'member')
  const change = async (op: 'put' | 'remove', subject: number) => {
    const path = `/api/chat/rooms/p.secret/members/${subject}`
    const { status } = await chat.call(op === 'put' ? 'PUT' : 'DELETE', path, { token: john.token })
    expect(status).toBeLessThan(300)
  }
  const post = (content: string) =>
    chat.call('POST', '/api/chat/rooms/p.secret/messages', { token: john.token, body: { content } })
  return { ...chat, sql, change, post, queries, pauseLookup, john, jane, mary }
}

const subscribed = (socket: SocketClient) => socket.nextOf('subscribed')

const PATHS = [
  '/api/chat/rooms/ROOM',
  '/api/chat/rooms/ROOM/messages',
  '/api/chat/rooms/ROOM/messages?after=0',
  '/api/chat/rooms/ROOM/messages/1',
  '/api/chat/rooms/ROOM/messages/1/reactions?key=a',
  '/api/chat/rooms/ROOM/log',
  '/api/chat/rooms/ROOM/presence'
]

describe('a private room', () => {
  test('can be read by its members, and looks absent to others', async () => {
    const { call, post, jane, mary } = await start()
    expect((await post('hello')).status).toBe(201)
    const about = (body: Record<string, unknown>) => ({ ...body, instance: undefined, request_id: undefined })
    for (const path of PATHS) {
      const get = (room: string, token: string) => call('GET', path.replace('ROOM', room), { token })
      expect((await get('p.secret', jane.token)).status, path).toBe(200)
      const [denied, absent] = [await get('p.secret', mary.token), await get('p.absent', mary.token)]
      expect(denied.status, path).toBe(404)
      expect(JSON.stringify(about(denied.body)).replaceAll('p.secret', 'p.absent')).toBe(
        JSON.stringify(about(absent.body))
      )
    }
    const denied = await call('POST', '/api/chat/rooms/p.secret/messages', {
      token: mary.token,
      body: { content: 'x' }
    })
    expect(denied).toMatchObject({ status: 404, body: { code: 'room_not_found' } })
  })

  test('takes the same number of queries to reject as an absent room, whether it is loaded or not', async () => {
    const { queries, post, call, mary } = await start()
    const countOf = async (room: string): Promise<number> => {
      queries.count = 0
      expect((await call('GET', `/api/chat/rooms/${room}`, { token: mary.token })).status).toBe(404)
      return queries.count
    }
    await countOf('p.first')
    const [unloaded, absent] = [await countOf('p.secret'), await countOf('p.absent')]
    await post('loads the room')
    expect([unloaded, absent, await countOf('p.secret')]).toEqual([2, 2, 2])
  })

  test('cannot be subscribed to by others', async () => {
    const { join, mary, jane } = await start()
    const socket = await join(mary)
    socket.send({ type: 'subscribe', room: 'p.secret', ref: 'a' })
    socket.send({ type: 'subscribe', room: 'p.absent', ref: 'b' })
    const [denied, absent] = [await socket.nextOf('error'), await socket.nextOf('error')]
    expect({ ...denied, room: 'p.absent', ref: 'b' }).toEqual(absent)
    const member = await join(jane, {}, '?rooms=p.secret')
    expect(await subscribed(member)).toMatchObject({ room: 'p.secret' })
    const other = await join(mary, {}, '?rooms=p.secret')
    expect(await other.nextOf('error')).toMatchObject({ code: 'room_not_found', room: 'p.secret' })
  })
})

describe('a removed member', () => {
  test('receives the entry about the removal and nothing after it', async () => {
    const { join, change, post, call, jane, john } = await start()
    const two = await join(john, {}, '?rooms=p.secret')
    await subscribed(two)
    const one = await join(jane, {}, '?rooms=p.secret')
    await subscribed(one)
    await post('before')
    await Promise.all([change('remove', jane.id), post('at the same time')])
    await post('after')
    const all = [await two.next()]
    while (all.at(-1)?.content !== 'after') all.push(await two.next())
    const removal = all.find(({ type }) => type === 'membership')
    expect(removal).toMatchObject({ subject: jane.id, event: 'removed', user_id: john.id })
    for (const frame of all.filter(({ seq }) => seq <= removal?.seq)) expect(await one.next()).toEqual(frame)
    expect(await one.next()).toEqual({ type: 'unsubscribed', room: 'p.secret', reason: 'removed' })
    expect(await one.untilPong()).toEqual([])
    expect((await call('GET', '/api/chat/rooms/p.secret/messages', { token: jane.token })).status).toBe(404)
    one.send({ type: 'message', room: 'p.secret', content: 'no', ref: 'x' })
    expect(await one.nextOf('error')).toMatchObject({ code: 'room_not_found' })
    one.send({ type: 'typing', room: 'p.secret' })
    expect(await one.nextOf('error')).toMatchObject({ code: 'not_allowed' })
  })

  test('can subscribe again after being added again, and reads everything', async () => {
    const { join, change, post, jane } = await start()
    const socket = await join(jane, {}, '?rooms=p.secret')
    await subscribed(socket)
    await change('remove', jane.id)
    await socket.nextOf('unsubscribed')
    await post('meanwhile')
    await change('put', jane.id)
    socket.send({ type: 'subscribe', room: 'p.secret', after: 1 })
    expect(await socket.nextOf('subscribed')).toMatchObject({ seq: 3 })
    expect(await socket.nextOf('message')).toMatchObject({ content: 'meanwhile' })
    expect(await socket.nextOf('membership')).toMatchObject({ event: 'added' })
  })

  test('gets no page that was read after the removal, even if the request was authorized before', async () => {
    const { pauseLookup, change, post, call, jane } = await start()
    await post('before')
    const lookup = pauseLookup()
    const response = call('GET', '/api/chat/rooms/p.secret/log?after=0', { token: jane.token })
    await lookup.reached
    await change('remove', jane.id)
    await post('secret')
    lookup.proceed()
    expect((await response).status).toBe(404)
  })

  test('is not subscribed if the removal happens between the check and the subscription', async () => {
    const { pauseLookup, change, post, join, jane, john } = await start()
    await post('before')
    const other = await join(john, {}, '?rooms=p.secret')
    await subscribed(other)
    const socket = await join(jane)
    const lookup = pauseLookup()
    socket.send({ type: 'subscribe', room: 'p.secret', after: 0 })
    await lookup.reached
    await change('remove', jane.id)
    await other.nextOf('membership')
    lookup.proceed()
    expect(await socket.next()).toMatchObject({ type: 'error', code: 'room_not_found' })
    await post('secret')
    expect(await socket.untilPong()).toEqual([])
  })
})
