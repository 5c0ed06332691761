/** Tests that every process closes the connections of an ended session, and no other connections. */
import { describe, expect, test } from 'vitest'
import { createMemoryBus, createMemoryNetwork } from '../../src/bus/drivers/memory.ts'
import { engine } from '../support/database.ts'
import { PASSWORD, type Person, startChat } from '../support/start-chat.ts'

type Notified = 'with notifications' | 'with notifications lost'
/** The cases to test. `with notifications` needs PostgreSQL, because the embedded database sends no notifications. */
const WAYS: readonly Notified[] =
  engine === 'pglite' ? ['with notifications lost'] : ['with notifications', 'with notifications lost']

/** Starts two processes on one database. If notifications are lost, each process has a bus of its own. */
const startTwo = async (way: Notified) => {
  const bus = () => (way === 'with notifications' ? {} : { bus: createMemoryBus(createMemoryNetwork()) })
  const one = await startChat(bus())
  const two = await startChat({ ...bus(), database: one.database })
  const john = await one.register('john')
  const login = async (options: object = { session: true }): Promise<Person & { readonly session: string }> => {
    const body = { username: 'john', password: PASSWORD, ...options }
    const { access_token, session_id } = (await two.call('POST', '/api/auth/login', { body })).body
    return { ...john, token: access_token, session: session_id }
  }
  const run = (text: string) =>
    one.database.client.query(text.replace(/\b(users|sessions)\b/g, `"${one.database.schema}".$1`))
  return { one, two, login, run }
}

describe.for(WAYS)('%s', way => {
  test('a session that ends closes its connections, and those of no other session', async () => {
    const { one, two, login } = await startTwo(way)
    const [ended, other] = [await login(), await login()]
    // The first connection has no subprotocol, like the connections of older clients. So it stays open after its token has
    // expired.
    const closing = [await one.join(ended), await two.join(ended, { protocols: ['chat.v1'] })]
    const staying = await one.join(other)
    const { status } = await two.call('DELETE', `/api/auth/sessions/${ended.session}`, { token: other.token })
    expect(status).toBe(204)
    for (const { closed } of closing) expect(await closed).toMatchObject({ code: 4401 })
    staying.send({ type: 'ping', ref: 'here' })
    expect(await staying.nextOf('pong')).toMatchObject({ ref: 'here' })
  })

  test('a new generation closes the connections of all sessions but one that was kept', async () => {
    const { one, two, login, run } = await startTwo(way)
    const [plain, kept] = [await login({}), await login()]
    const closing = [await one.join(plain), await two.join(plain)]
    const staying = [await one.join(kept), await two.join(kept)]
    await run(`with raised as (update users set generation = generation + 1 where username = 'john' returning id, generation)
      update sessions set generation = raised.generation from raised where sessions.id = '${kept.session}'`)
    for (const { closed } of closing) expect(await closed).toMatchObject({ code: 4401 })
    for (const client of staying) {
      client.send({ type: 'ping', ref: 'here' })
      expect(await client.nextOf('pong')).toMatchObject({ ref: 'here' })
    }
    expect((await one.call('GET', '/api/users/me', { token: kept.token })).status).toBe(200)
    const later = await two.join(await login())
    await run(`update users set generation = generation + 1`)
    for (const { closed } of [...staying, later]) expect(await closed).toMatchObject({ code: 4401 })
  })

  test('a suspended user is disconnected with 4403, and cannot connect', async () => {
    const { one, two, login, run } = await startTwo(way)
    const john = await login({})
    const sockets = [await one.join(john), await two.join(john)]
    await run(`update users set status = 'suspended', generation = generation + 1`)
    for (const { closed } of sockets) expect(await closed).toMatchObject({ code: 4403 })
    const me = () => two.call('GET', '/api/users/me', { token: john.token })
    await expect.poll(async () => (await me()).body.code).toBe('account_suspended')
    await expect(two.join(john)).rejects.toThrow(/403/)
  })
})

test('a refresh does not disturb the connections of its session, and a new token keeps them revocable', async () => {
  const { one, login, run } = await startTwo('with notifications lost')
  const body = { username: 'john', password: PASSWORD, session: true }
  const john = await login()
  const socket = await one.join(john, { protocols: ['chat.v1'] })
  const { refresh_token } = (await one.call('POST', '/api/auth/login', { body })).body
  await run(`update sessions set rotated_at = rotated_at - interval '1 minute'`)
  const refreshed = (await one.call('POST', '/api/auth/refresh', { body: { refresh_token } })).body
  socket.send({ type: 'auth', token: refreshed.access_token, ref: 'renewed' })
  expect(await socket.nextOf('authenticated')).toMatchObject({ ref: 'renewed' })
  // The connection now belongs to the session of the new token.
  await run(`delete from sessions where id = '${john.session}'`)
  socket.send({ type: 'ping', ref: 'here' })
  expect(await socket.nextOf('pong')).toMatchObject({ ref: 'here' })
  await run(`delete from sessions where id = '${refreshed.session_id}'`)
  expect(await socket.closed).toMatchObject({ code: 4401 })
})
