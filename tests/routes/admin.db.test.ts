/** Tests the routes for administrators: users, suspension, and the audit log. */
import { describe, expect, test } from 'vitest'
import { PASSWORD, type Person, type RunningChat, startChat } from '../support/start-chat.ts'

/** Starts the service with an administrator and two users. */
const start = async (options?: Parameters<typeof startChat>[0]) => {
  const chat = await startChat(options)
  const admin = await chat.register('admin-one')
  await promote(chat, admin)
  return { chat, admin, john: await chat.register('john'), jane: await chat.register('jane') }
}

const promote = ({ database }: RunningChat, { id }: Person) =>
  database.administration.change(null, id, { role: 'admin' })

/** Returns a function that sends requests to the routes for administrators with the token of a user. */
const adminCall =
  (chat: RunningChat, { token }: Person) =>
  (method: string, path: string, body?: unknown) =>
    chat.call(method, `/api/admin${path}`, { token, body })

const eventsOf = async ({ database }: RunningChat) =>
  (await database.audit.list({}, 100)).map(({ event, userId, actorId, detail }) => ({ event, userId, actorId, detail }))

describe('a route for administrators', () => {
  const ROUTES = [
    ['GET', '/users'],
    ['PATCH', '/users/2', { role: 'admin' }],
    ['DELETE', '/users/2'],
    ['POST', '/users/2/logout-all'],
    ['POST', '/users/2/reset-password'],
    ['GET', '/audit']
  ] as const

  test.for(ROUTES)('%s %s requires a token, the role and a recent proof', async ([method, path, body]) => {
    const { chat, admin, john } = await start()
    expect((await chat.call(method, `/api/admin${path}`, { body })).body.code).toBe('missing_token')
    expect(await adminCall(chat, john)(method, path, body)).toMatchObject({
      status: 403,
      body: { code: 'not_allowed' }
    })
    const { client, schema } = chat.database
    await client.query(`update "${schema}".sessions set proven_at = clock_timestamp() - interval '11 minutes'`)
    expect(await adminCall(chat, admin)(method, path, body)).toMatchObject({
      status: 403,
      body: { code: 'proof_required' }
    })
    expect((await eventsOf(chat)).filter(({ event }) => event !== 'login')).toEqual([])
  })
})

describe('the list of users', () => {
  test('contains users in the order of their ids, in pages, without deleted users and users of a host', async () => {
    const { chat, admin, john, jane } = await start()
    const call = adminCall(chat, admin)
    const { client, schema, users } = chat.database
    await users.admit({ externalId: 'x', username: 'johnny' })
    const gone = await chat.register('joan')
    await client.query(`update "${schema}".users set status = 'deleted' where id = $1`, [gone.id])
    await client.query(`update "${schema}".users set display_name = 'Jane Doe', status = 'suspended' where id = $1`, [
      jane.id
    ])
    const first = await call('GET', '/users?limit=2')
    expect(first.body).toEqual({
      users: [
        { id: admin.id, username: 'admin-one', role: 'admin', status: 'active', created_at: expect.any(String) },
        { id: john.id, username: 'john', role: 'user', status: 'active', created_at: expect.any(String) }
      ],
      next: john.id
    })
    const second = await call('GET', `/users?limit=2&after=${first.body.next}`)
    expect(second.body).toEqual({
      users: [
        {
          id: jane.id,
          username: 'jane',
          display_name: 'Jane Doe',
          role: 'user',
          status: 'suspended',
          created_at: expect.any(String)
        }
      ]
    })
  })

  test('can be searched by the beginning of a name, in any case', async () => {
    const { chat, admin } = await start()
    const call = adminCall(chat, admin)
    const names = async (query: string): Promise<string[]> => {
      const { body } = await call('GET', `/users?query=${encodeURIComponent(query)}`)
      return body.users.map(({ username }: { username: string }) => username)
    }
    expect(await names('J')).toEqual(['john', 'jane'])
    expect(await names('JO')).toEqual(['john'])
    expect(await names('john')).toEqual(['john'])
    expect(await names('johnx')).toEqual([])
    expect(await names('%')).toEqual([])
    expect(await names('')).toHaveLength(3)
    expect((await call('GET', '/users?query=%00')).status).toBe(422)
    expect((await call('GET', `/users?after=${Number.MAX_SAFE_INTEGER}`)).body).toEqual({ users: [] })
  })
})

describe('a change of a user', () => {
  test('makes an administrator, who loses the rights again at once', async () => {
    const { chat, admin, john } = await start()
    const call = adminCall(chat, admin)
    const promoted = await call('PATCH', `/users/${john.id}`, { role: 'admin' })
    expect(promoted).toMatchObject({ status: 200, body: { id: john.id, role: 'admin', status: 'active' } })
    await expect.poll(async () => (await adminCall(chat, john)('GET', '/users')).status).toBe(200)
    await call('PATCH', `/users/${john.id}`, { role: 'user' })
    // The cached role of john may still be `admin`. The write must be refused, because it also checks the stored role.
    const write = await adminCall(chat, john)('PATCH', `/users/${admin.id}`, { role: 'user' })
    expect(write).toMatchObject({ status: 403, body: { code: 'not_allowed' } })
    expect((await eventsOf(chat)).filter(({ event }) => event === 'role_changed')).toEqual([
      { event: 'role_changed', userId: john.id, actorId: admin.id, detail: { role: 'user' } },
      { event: 'role_changed', userId: john.id, actorId: admin.id, detail: { role: 'admin' } }
    ])
  })

  test('suspends a user, closes the sockets of the user, refuses requests and logins, and restores the user', async () => {
    const { chat, admin, john } = await start()
    const call = adminCall(chat, admin)
    const socket = await chat.join(john)
    expect((await call('PATCH', `/users/${john.id}`, { status: 'suspended' })).body.status).toBe('suspended')
    expect(await socket.closed).toMatchObject({ code: 4403 })
    await expect
      .poll(async () => (await chat.call('GET', '/api/users/me', { token: john.token })).body.code)
      .toBe('account_suspended')
    const login = () => chat.call('POST', '/api/auth/login', { body: { username: 'john', password: PASSWORD } })
    expect((await login()).body.code).toBe('account_suspended')
    await call('PATCH', `/users/${john.id}`, { status: 'suspended' })
    await call('PATCH', `/users/${john.id}`, { status: 'active' })
    await expect
      .poll(async () => (await chat.call('GET', '/api/users/me', { token: john.token })).body.code)
      .toBe('invalid_token')
    expect((await login()).status).toBe(200)
    // The second suspension changed nothing, so no event was recorded.
    expect((await eventsOf(chat)).filter(({ event }) => event.startsWith('user_'))).toEqual([
      { event: 'user_restored', userId: john.id, actorId: admin.id, detail: null },
      { event: 'user_suspended', userId: john.id, actorId: admin.id, detail: null }
    ])
  })

  test('neither demotes nor suspends the last administrator', async () => {
    const { chat, admin, john } = await start()
    const call = adminCall(chat, admin)
    expect(await call('PATCH', `/users/${admin.id}`, { role: 'user' })).toMatchObject({
      status: 409,
      body: { code: 'last_admin' }
    })
    expect((await call('PATCH', `/users/${admin.id}`, { status: 'suspended' })).body.code).toBe('last_admin')
    await promote(chat, john)
    expect((await call('PATCH', `/users/${admin.id}`, { status: 'suspended' })).body.code).toBe('not_allowed')
    await chat.database.administration.change(null, john.id, { status: 'suspended' })
    expect((await call('PATCH', `/users/${admin.id}`, { role: 'user' })).body.code).toBe('last_admin')
    expect((await call('GET', '/users?limit=1')).status).toBe(200)
  })

  test('leaves one of two administrators who demote each other at once, on two processes', async () => {
    const { chat, admin, john } = await start()
    const other = await startChat({ database: chat.database })
    await promote(chat, john)
    const demote = (at: RunningChat, actor: Person, id: number) =>
      adminCall(at, actor)('PATCH', `/users/${id}`, { role: 'user' })
    await expect.poll(async () => (await adminCall(other, john)('GET', '/users')).status).toBe(200)
    const [one, two] = await Promise.all([demote(chat, admin, john.id), demote(other, john, admin.id)])
    expect([one.status, two.status].filter(status => status === 200)).toHaveLength(1)
    expect(await chat.database.administration.countAdmins()).toMatchObject({ all: 1 })
  })

  test('fails for an unknown user, a deleted user, and a body without a change', async () => {
    const { chat, admin, john } = await start()
    const call = adminCall(chat, admin)
    const { client, schema } = chat.database
    await client.query(`update "${schema}".users set status = 'deleting' where id = $1`, [john.id])
    for (const id of [john.id, 999_999]) {
      expect(await call('PATCH', `/users/${id}`, { role: 'admin' })).toMatchObject({
        status: 404,
        body: { code: 'user_not_found' }
      })
      expect((await call('POST', `/users/${id}/logout-all`)).body.code).toBe('user_not_found')
      expect((await call('POST', `/users/${id}/reset-password`)).body.code).toBe('user_not_found')
    }
    expect((await call('PATCH', `/users/${admin.id}`, {})).status).toBe(422)
    expect((await call('PATCH', `/users/${admin.id}`, { role: 'owner' })).status).toBe(422)
    expect((await call('PATCH', `/users/${admin.id}`, { status: 'deleted' })).status).toBe(422)
    expect((await call('PATCH', `/users/${2 ** 31}`, { role: 'user' })).status).toBe(422)
  })

  test('ends every session of a user, and no session of another user', async () => {
    const { chat, admin, john, jane } = await start()
    const sockets = [await chat.join(john), await chat.join(jane)] as const
    expect((await adminCall(chat, admin)('POST', `/users/${john.id}/logout-all`)).status).toBe(204)
    expect(await sockets[0].closed).toMatchObject({ code: 4401 })
    const me = ({ token }: Person) => chat.call('GET', '/api/users/me', { token })
    await expect.poll(async () => (await me(john)).body.code).toBe('invalid_token')
    expect((await me(jane)).status).toBe(200)
    sockets[1].send({ type: 'message', content: 'still here', ref: 'r' })
    expect(await sockets[1].nextOf('ack')).toMatchObject({ ref: 'r' })
    expect(await eventsOf(chat)).toContainEqual({
      event: 'sessions_ended',
      userId: john.id,
      actorId: admin.id,
      detail: null
    })
  })
})

describe('the deletion of a user', () => {
  test('ends the sessions at once, and is recorded with the administrator', async () => {
    const { chat, admin, john, jane } = await start()
    const call = adminCall(chat, admin)
    const socket = await chat.join(john)
    expect((await call('DELETE', `/users/${john.id}`, { erase: true })).status).toBe(202)
    expect((await call('DELETE', `/users/${jane.id}`)).status).toBe(202)
    expect(await socket.closed).toMatchObject({ code: 4401 })
    await expect
      .poll(async () => (await chat.call('GET', '/api/users/me', { token: john.token })).body.code)
      .toBe('invalid_token')
    const requests = (await eventsOf(chat)).filter(({ event }) => event === 'account_deletion_requested')
    expect(requests).toEqual([
      { event: 'account_deletion_requested', userId: jane.id, actorId: admin.id, detail: { erase: false } },
      { event: 'account_deletion_requested', userId: john.id, actorId: admin.id, detail: { erase: true } }
    ])
    expect((await call('DELETE', `/users/${john.id}`)).body.code).toBe('user_not_found')
    expect((await call('DELETE', `/users/${admin.id}`)).body.code).toBe('last_admin')
  })
})

describe('the reset of a password', () => {
  test('returns a token, with which the user chooses a new password once', async () => {
    const { chat, admin, john } = await start()
    const call = adminCall(chat, admin)
    const { body } = await call('POST', `/users/${john.id}/reset-password`)
    expect(body).toEqual({ is_mailed: false, token: expect.stringMatching(/^[\w-]{43}$/), expires_in: 86_400 })
    const reset = () =>
      chat.call('POST', '/api/auth/password/reset', { body: { token: body.token, password: 'Correct7horses' } })
    const login = (password: string) => chat.call('POST', '/api/auth/login', { body: { username: 'john', password } })
    expect((await login(PASSWORD)).status).toBe(200)
    expect((await reset()).status).toBe(204)
    expect((await reset()).body.code).toBe('link_expired')
    expect((await login('Correct7horses')).status).toBe(200)
    expect(chat.log()).not.toContain(body.token)
  })
})

describe('ADMIN_SECOND_FACTOR', () => {
  test('rejects administrators without a second factor, and logs their number at the start', async () => {
    const { chat, admin } = await start()
    const second = await startChat({ database: chat.database, settings: { adminSecondFactor: true } })
    expect(await adminCall(second, admin)('GET', '/users')).toMatchObject({
      status: 403,
      body: { code: 'second_factor_missing' }
    })
    expect(second.log()).toContain('1 of 1 administrators has no second factor, so ADMIN_SECOND_FACTOR locks them out')
    const { client, schema } = chat.database
    await client.query(
      `insert into "${schema}".totp (user_id, secret, key_id, confirmed_at) values ($1, 's', 'k', now())`,
      [admin.id]
    )
    expect((await adminCall(second, admin)('GET', '/users')).status).toBe(200)
    const third = await startChat({ database: chat.database })
    expect(third.log()).not.toContain('no second factor')
  })
})

describe('the audit log', () => {
  test('is read in pages and by filters, and records that it was read', async () => {
    const { chat, admin, john } = await start()
    const call = adminCall(chat, admin)
    await call('PATCH', `/users/${john.id}`, { role: 'admin' })
    const first = await call('GET', `/audit?user=${john.id}&limit=1`)
    expect(first.body).toEqual({
      events: [
        {
          id: expect.any(Number),
          at: expect.stringMatching(/^\d{4}-.*\+00:00$/),
          event: 'role_changed',
          user_id: john.id,
          actor_id: admin.id,
          session_id: expect.any(String),
          address: '127.0.0.1',
          agent: 'node',
          detail: { role: 'admin' },
          count: 1
        }
      ],
      next: expect.any(Number)
    })
    const second = await call('GET', `/audit?user=${john.id}&limit=1&after=${first.body.next}`)
    expect(second.body.events).toMatchObject([{ event: 'login', user_id: john.id }])
    expect(second.body.next).toBeUndefined()
    const reads = await call('GET', '/audit?event=audit_read')
    expect(reads.body.events.map(({ detail }: { detail: unknown }) => detail)).toEqual([
      { user: john.id, after: first.body.next },
      { user: john.id }
    ])
    expect(reads.body.events).toMatchObject([{ actor_id: admin.id }, { actor_id: admin.id }])
    expect((await call('GET', '/audit?event=DROP')).status).toBe(422)
    expect((await call('GET', '/audit?user=0')).status).toBe(422)
  })

  test('counts failed logins, and never stores an unknown name', async () => {
    const { chat, admin, john } = await start()
    const login = (username: string) =>
      chat.call('POST', '/api/auth/login', { body: { username, password: 'Wrong12345' } })
    for (const name of ['john', 'JOHN', 'nobody-one', 'nobody-two', 'nul\u0000']) {
      expect((await login(name)).body.code).toBe('invalid_credentials')
    }
    const { body } = await adminCall(chat, admin)('GET', '/audit?event=login_failed')
    expect(body.events).toMatchObject([{ count: 3 }, { user_id: john.id, count: 2 }])
    expect(body.events[0].user_id).toBeUndefined()
    const { client, schema } = chat.database
    const stored = await client.query(`select to_jsonb(audit)::text as text from "${schema}".audit`)
    expect(JSON.stringify(stored)).not.toMatch(/nobody|john/i)
  })

  test('is also written to the log, with ids and without names, addresses and agents', async () => {
    const { chat, admin, john } = await start()
    const call = adminCall(chat, admin)
    await chat.call('POST', '/api/auth/login', {
      body: { username: 'john', password: 'Wrong12345' },
      headers: { 'user-agent': 'very-special-agent' }
    })
    await call('PATCH', `/users/${john.id}`, { role: 'admin', status: 'suspended' })
    await call('GET', '/audit')
    const lines = chat
      .log()
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
      .filter(({ msg }) => msg === 'recorded an audit event')
    expect(lines).toContainEqual(
      expect.objectContaining({
        event: 'role_changed',
        user_id: john.id,
        actor_id: admin.id,
        detail: { role: 'admin' }
      })
    )
    expect(lines.map(({ event }) => event)).toEqual([
      'login',
      'login',
      'login',
      'login_failed',
      'role_changed',
      'user_suspended',
      'audit_read'
    ])
    for (const line of lines) expect(line).not.toHaveProperty('address')
    expect(chat.log()).not.toMatch(/admin-one|"john|jane|very-special-agent/)
  })
})
