/** Tests that every change by an administrator checks the administrator's rights again in its transaction. */
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Accounts } from '../../../src/accounts/accounts.ts'
import type { Administrator } from '../../../src/accounts/admin/actor.ts'
import { createAdministration } from '../../../src/accounts/admin/administration.ts'
import { createAuditLog } from '../../../src/accounts/admin/audit-log.ts'
import { createRequestDeletion } from '../../../src/accounts/deletion/request.ts'
import { createMail } from '../../../src/accounts/mail/mail.ts'
import { type ChatDatabase, createDatabase } from '../../../src/db/database.ts'
import type { UserPage } from '../../../src/db/repositories/administration.ts'
import { ChatError } from '../../../src/protocol/errors.ts'
import { loginOf, testAccounts } from '../../support/accounts.ts'
import { analyze, testDatabase } from '../../support/database.ts'
import { type PausePoint, pausedDatabase } from '../../support/paused-database.ts'

const PASSWORD = 'SecurePass123'
const client = { address: '192.0.2.7', agent: 'test' }

/** Registers two administrators, each with a session, and the user john. */
const start = async () => {
  const database = await testDatabase()
  // The sessions must last as long as a test on a busy machine.
  const accounts = testAccounts(database, { legacySocketMs: 3_600_000 })
  const admin = async (name: string): Promise<Administrator> => {
    const { id, generation } = await accounts.register(name, PASSWORD)
    await database.administration.change(null, id, { role: 'admin' })
    const { sessionId } = await accounts.login(loginOf(name, PASSWORD))
    return { userId: id, generation, sessionId, client }
  }
  const [first, second] = [await admin('first'), await admin('second')]
  const { id: john } = await accounts.register('john', PASSWORD)
  return { database, accounts, first, second, john }
}

const stateOf = async ({ client: sql, schema }: ChatDatabase) => ({
  users: await sql.query(`select id, role, status, generation from "${schema}".users order by id`),
  tokens: await sql.query(`select hash from "${schema}".one_time_tokens`),
  events: await sql.query(`select event from "${schema}".audit where event <> 'login' order by id`)
})

const WRITES: Readonly<Record<string, (accounts: Accounts, actor: Administrator, id: number) => Promise<unknown>>> = {
  'a promotion': (accounts, actor, id) => accounts.administration.change(actor, id, { role: 'admin' }),
  'a suspension': (accounts, actor, id) => accounts.administration.change(actor, id, { status: 'suspended' }),
  'the end of sessions': (accounts, actor, id) => accounts.administration.endSessions(actor, id),
  'the reset of a password': (accounts, actor, id) => accounts.administration.resetPassword(actor, id),
  'reading the audit log': ({ context }, actor) => createAuditLog(context).read(actor, {}, 10)
}

const ENDS: Readonly<Record<string, string>> = {
  'is no administrator anymore': `update @users set role = 'user' where id = $1`,
  'is suspended': `update @users set status = 'suspended', generation = generation + 1 where id = $1`,
  'has a new password': `update @users set generation = generation + 1, hashed_password = 'h' where id = $1`,
  'has ended the session': 'delete from @sessions where user_id = $1',
  'has an expired session': 'update @sessions set expires_at = clock_timestamp() where user_id = $1'
}

describe('the reset of a password', () => {
  test('returns a token if too many links were mailed', async () => {
    const { database, accounts, first, john } = await start()
    const mail = createMail({ keyring: accounts.context.keyring, isConfigured: true })
    const { resetPassword } = createAdministration({ database, mail })
    const email = accounts.context.keyring.encrypt('john@example.com')
    const address = { userId: john, address: email.token, keyId: email.keyId, addressHash: 'a' }
    await database.emails.setPending(address)
    await database.emails.verify(john, 'a')
    for (let at = 0; at < 3; at++) expect(await resetPassword(first, john)).not.toHaveProperty('token')
    expect(await resetPassword(first, john)).toHaveProperty('token')
  })

  test('is refused for a user of another issuer', async () => {
    const { database, accounts, first, john } = await start()
    await database.identities.add({ issuer: 'https://issuer.example', subject: '1', userId: john })
    for (const actor of [first, 'operator'] as const) {
      await expect(accounts.administration.resetPassword(actor, john)).rejects.toMatchObject({
        code: 'not_allowed',
        message: expect.stringContaining('another issuer')
      })
    }
  })
})

describe('an administrator', () => {
  test.for(Object.keys(WRITES).flatMap(write => Object.keys(ENDS).map(end => [write, end] as const)))(
    'cannot change or record anything with %s if the administrator %s',
    async ([write, end]) => {
      const { database, accounts, first, john } = await start()
      await database.client.query((ENDS[end] ?? '').replaceAll('@', `"${database.schema}".`), [first.userId])
      const before = await stateOf(database)
      await expect(WRITES[write]?.(accounts, first, john)).rejects.toMatchObject({ code: 'not_allowed' })
      expect(await stateOf(database)).toEqual(before)
    }
  )

  test('may do everything with a valid session', async () => {
    const { database, accounts, first, john } = await start()
    for (const write of Object.values(WRITES).reverse()) await write(accounts, first, john)
    const { events } = await stateOf(database)
    expect(events).toEqual(
      ['audit_read', 'reset_issued', 'sessions_ended', 'user_suspended', 'role_changed'].map(event => ({ event }))
    )
  })
})

describe('of two administrators who act at the same time', () => {
  type Started = Awaited<ReturnType<typeof start>>
  type Act = (accounts: Accounts, started: Started) => Promise<unknown>
  const deleteUser = ({ context }: Accounts, by: Administrator, id: number) =>
    createRequestDeletion({ context, erasesByDefault: false })(id, { by })
  const PAIRS: Readonly<Record<string, readonly [PausePoint, Act, Act]>> = {
    'resets a password, the other one suspends': [
      'administration.lock',
      ({ administration }, { first, second }) => administration.resetPassword(second, first.userId),
      ({ administration }, { first, second }) => administration.change(first, second.userId, { status: 'suspended' })
    ],
    'deletes a user, the other one suspends the same one': [
      'administration.isAllowed',
      (accounts, { second, john }) => deleteUser(accounts, second, john),
      ({ administration }, { first, john }) => administration.change(first, john, { status: 'suspended' })
    ],
    'promotes an administrator, the other one deletes the first': [
      'administration.change',
      ({ administration }, { first, second }) => administration.change(second, first.userId, { role: 'admin' }),
      (accounts, { first, second }) => deleteUser(accounts, first, second.userId)
    ]
  }

  test.for(Object.entries(PAIRS))('one waits for the other: one %s', async ([, [point, act, actMeanwhile]]) => {
    const started = await start()
    let other: Promise<unknown> = Promise.resolve()
    const paused = pausedDatabase(started.database, point, async () => {
      other = actMeanwhile(started.accounts, started)
      await Promise.race([other.catch(() => {}), delay(300)])
    })
    await act(testAccounts(paused), started)
    // The second transaction may succeed, or fail with a ChatError. For example, its actor may no longer be an administrator.
    const failure = await other.then(
      () => undefined,
      error => error
    )
    if (failure) expect(failure).toBeInstanceOf(ChatError)
  })
})

test('an administrator can delete their own account, unless no administrator would remain', async () => {
  const { accounts, database, first, second } = await start()
  const requestDeletion = createRequestDeletion({ context: accounts.context, erasesByDefault: false })
  await requestDeletion(first.userId, { by: first })
  expect((await database.users.findByIds([first.userId])).get(first.userId)?.status).toBe('deleting')
  await expect(requestDeletion(second.userId, { by: second })).rejects.toMatchObject({ code: 'last_admin' })
})

test('an administrator of another issuer, who cannot administer here, is not counted', async () => {
  const { accounts, database, first, second, john } = await start()
  const { client: sql, schema } = database
  await sql.query(`update "${schema}".users set role = 'admin', hashed_password = null where id = $1`, [john])
  await sql.query(`insert into "${schema}".identities (issuer, subject, user_id) values ('https://a.test', 's', $1)`, [
    john
  ])
  expect(await database.administration.countAdmins()).toMatchObject({ all: 2 })
  await accounts.administration.change(first, second.userId, { role: 'user' })
  const LAST = { code: 'last_admin' }
  await expect(accounts.administration.change(first, first.userId, { role: 'user' })).rejects.toMatchObject(LAST)
  const requestDeletion = createRequestDeletion({ context: accounts.context, erasesByDefault: false })
  await expect(requestDeletion(first.userId, { by: 'operator' })).rejects.toMatchObject(LAST)
})

describe('of two writes at once that each remove an administrator', () => {
  const REMOVALS = {
    'demote each other': [{ role: 'user' }, { role: 'user' }],
    'suspend each other': [{ status: 'suspended' }, { status: 'suspended' }],
    'demote and suspend each other': [{ role: 'user' }, { status: 'suspended' }]
  } as const

  test.for(Object.keys(REMOVALS) as (keyof typeof REMOVALS)[])('one fails: %s', async kind => {
    const { database, accounts, first, second } = await start()
    const [one, other] = REMOVALS[kind]
    for (let round = 0; round < 5; round++) {
      const outcomes = await Promise.allSettled([
        accounts.administration.change(first, second.userId, one),
        accounts.administration.change(second, first.userId, other)
      ])
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
      const [failure] = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason] : []))
      // The actor of the second transaction is no longer an administrator.
      expect(failure).toMatchObject({ code: expect.stringMatching(/^(last_admin|not_allowed)$/) })
      expect(await database.administration.countAdmins()).toMatchObject({ all: 1 })
      const { client: sql, schema } = database
      await sql.query(
        `update "${schema}".users set role = 'admin', status = 'active', generation = 0
        where id in ($1, $2)`,
        [first.userId, second.userId]
      )
    }
  })

  test('one fails with last_admin: administrators who resign', async () => {
    const { database, accounts, first, second } = await start()
    const outcomes = await Promise.allSettled(
      [first, second].map(actor => accounts.administration.change(actor, actor.userId, { role: 'user' }))
    )
    const failures = outcomes.flatMap(outcome => (outcome.status === 'rejected' ? [outcome.reason.code] : []))
    expect(failures).toEqual(['last_admin'])
    expect(await database.administration.countAdmins()).toMatchObject({ all: 1 })
  })
})

describe('the list of users', () => {
  test('is read with an index, whether or not a prefix is given', async () => {
    const { client: sql, schema } = await testDatabase()
    await sql.query(`insert into "${schema}".users (username)
      select chr(97 + n % 26) || 'user' || n from generate_series(1, 60000) as n`)
    await analyze(schema, 'users')
    const texts: string[] = []
    const recording: typeof sql = {
      ...sql,
      query(text, params) {
        texts.push(text)
        return sql.query(text, params)
      }
    }
    const { administration } = createDatabase(recording, schema)
    const planOf = async (page: Omit<UserPage, 'limit'>) => {
      const found = await administration.list({ ...page, limit: 50 })
      const params = [page.after ?? 0, 50, ...(page.prefix === undefined ? [] : [page.prefix])]
      const rows = await sql.query<{ 'QUERY PLAN': string }>(`explain ${texts.at(-1)}`, params)
      return { found: found.map(({ username }) => username), plan: rows.map(row => row['QUERY PLAN']).join('\n') }
    }
    const few = await planOf({ prefix: 'JUSER1233' })
    expect(few.found).toEqual(['juser12333'])
    expect(few.plan).toContain('users_username_key')
    const others = [{}, { after: 59_000 }, { role: 'admin' }, { role: 'admin', prefix: 'j' }, { prefix: 'j' }] as const
    for (const page of others) expect((await planOf(page)).plan).not.toContain('Seq Scan')
  })
})
