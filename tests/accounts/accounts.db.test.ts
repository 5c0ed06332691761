import * as bcrypt from '@node-rs/bcrypt'
import { expect, test, vi } from 'vitest'
import { createPasswords, type Passwords } from '../../src/accounts/passwords.ts'
import { loginOf, testAccounts } from '../support/accounts.ts'
import { testDatabase } from '../support/database.ts'

const OLD = 'SecurePass123'
const NEW = 'OtherPass456'

const weak = createPasswords({ rounds: 4 })
const strong = createPasswords({ rounds: 5 })

/**
 * Creates the functions for accounts, which use `passwords` to hash and verify passwords. The first check of a password calls
 * `between` before it returns, so that a test can change the user before a login writes to the database.
 */
const setup = async (
  passwords: Passwords,
  between: (database: Awaited<ReturnType<typeof testDatabase>>) => unknown
) => {
  const database = await testDatabase()
  const john = await database.users.create({ username: 'john', hashedPassword: await weak.hash(OLD) })
  let isDone = false
  const paused: Passwords = {
    ...passwords,
    async verify(password, hash) {
      const match = await passwords.verify(password, hash)
      if (!isDone) {
        isDone = true
        await between(database)
      }
      return match
    }
  }
  const accounts = testAccounts(database, { passwords: paused })
  const hash = async () => (await database.users.findByIds([john.id])).get(john.id)?.hashedPassword ?? ''
  return { accounts, hash, john, database }
}

const sql = (database: Awaited<ReturnType<typeof testDatabase>>, statement: string, params: unknown[] = []) =>
  database.client.query(statement.replace(/\busers\b/, `"${database.schema}".users`), params)

test.for([
  ['renews', strong],
  ['keeps', weak]
] as const)('a login that %s the hash is rejected if the password is changed meanwhile', async ([, passwords]) => {
  const changed = await strong.hash(NEW)
  const { accounts, hash } = await setup(passwords, database =>
    sql(database, 'update users set hashed_password = $1', [changed])
  )
  await expect(accounts.login(loginOf('john', OLD))).rejects.toMatchObject({ code: 'invalid_credentials' })
  expect(await hash()).toBe(changed)
})

test.for([
  ['renews', strong],
  ['keeps', weak]
] as const)('a login that %s the hash is rejected if the user is deleted meanwhile', async ([, passwords]) => {
  const { accounts } = await setup(passwords, database => sql(database, 'delete from users'))
  await expect(accounts.login(loginOf('john', OLD))).rejects.toMatchObject({ code: 'invalid_credentials' })
})

test('a login that renews the hash succeeds if another login has renewed it meanwhile', async () => {
  const renewed = await strong.hash(OLD)
  const { accounts, hash } = await setup(strong, database =>
    sql(database, 'update users set hashed_password = $1', [renewed])
  )
  expect(await accounts.login(loginOf('john', OLD))).toMatchObject({ token: { access_token: 'john' } })
  expect(await hash()).toBe(renewed)
})

test('two concurrent logins that renew the hash both succeed', async () => {
  const { accounts, hash } = await setup(strong, () => {})
  await Promise.all([accounts.login(loginOf('john', OLD)), accounts.login(loginOf('john', OLD))])
  expect(await strong.verify(OLD, await hash())).toBe('current')
})

test('many concurrent logins that renew the hash all succeed, and renew it once', async () => {
  // The é is decomposed, as some keyboards send it. The stored hash is of this form, so a login replaces it with a hash of the
  // normalized form.
  const password = 'Se\u0301curePass123'
  const { accounts, database, john } = await setup(strong, () => {})
  const renewals = vi.spyOn(database.users, 'renewPasswordHash')
  await sql(database, 'update users set hashed_password = $1', [await bcrypt.hash(password, { cost: 5 })])
  const login = () => accounts.login(loginOf('john', password))
  expect(await Promise.all(Array.from({ length: 12 }, login))).toHaveLength(12)
  const renewed = (await database.users.findByIds([john.id])).get(john.id)?.hashedPassword
  expect(await strong.verify(password, renewed)).toBe('current')

  renewals.mockClear()
  await login()
  expect(renewals).not.toHaveBeenCalled()
})
