/** Tests how requests for a new password are stored. */
import { expect, test } from 'vitest'
import { createMail } from '../../../src/accounts/mail/mail.ts'
import { createPasswordChanges } from '../../../src/accounts/passwords/changes.ts'
import { createPasswords } from '../../../src/accounts/passwords.ts'
import { accountsContext } from '../../support/accounts.ts'
import { testDatabase } from '../../support/database.ts'

const setup = async (isConfigured = true) => {
  const database = await testDatabase()
  const given = accountsContext(database)
  const context = { ...given, mail: createMail({ keyring: given.keyring, isConfigured }) }
  const changes = createPasswordChanges({ context, passwords: createPasswords({ rounds: 4 }) })
  const stored = async () =>
    (
      await database.client.query<{ kind: string; payload: string; minutes: number }>(
        `select kind, payload, round(extract(epoch from expires_at - created_at) / 60)::integer as minutes
         from "${database.schema}".outbox where user_id is null order by created_at`
      )
    ).map(({ payload, ...row }) => ({ ...row, ...JSON.parse(given.keyring.decrypt(payload) ?? '') }))
  return { changes, stored }
}

test('a request is stored encrypted, without a look-up of the address, and expires after 30 minutes', async () => {
  const { changes, stored } = await setup()
  await changes.forgot(' Jane@Exämple.org')
  expect(await stored()).toEqual([{ kind: 'forgot', minutes: 30, address: 'Jane@xn--exmple-cua.org' }])
})

test('at most three requests per hour per address are stored, and the others get no error', async () => {
  const { changes, stored } = await setup()
  for (const address of [
    'jane@example.org',
    'JANE@example.org',
    'Jane@Example.org',
    'jane@example.org',
    'x@example.org'
  ])
    await changes.forgot(address)
  const addresses = (await stored()).map(({ address }) => address.toLowerCase())
  expect(addresses).toEqual([...Array(3).fill('jane@example.org'), 'x@example.org'])
})

test('nothing is stored for a text that is not an address, or without a mail server', async () => {
  const { changes, stored } = await setup()
  await changes.forgot('jane@example')
  expect(await stored()).toEqual([])
  const off = await setup(false)
  await off.changes.forgot('jane@example.org')
  expect(await off.stored()).toEqual([])
})
