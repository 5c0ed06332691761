/** Tests two users who confirm the same address at the same time. */
import { expect, test } from 'vitest'
import { createEmails } from '../../../src/accounts/emails/emails.ts'
import { hashToken } from '../../../src/accounts/mail/token.ts'
import type { SqlClient, SqlTransaction } from '../../../src/db/client/types.ts'
import { createDatabase } from '../../../src/db/database.ts'
import { accountsContext } from '../../support/accounts.ts'
import { testDatabase } from '../../support/database.ts'
import { createOutbox } from '../../support/outbox.ts'

const CLIENT = { address: '192.0.2.1', agent: undefined }

/** Returns a client whose transactions call `between` once before they run a statement that contains `text`. */
const pausedBefore = (client: SqlClient, text: string, between: () => Promise<unknown>): SqlClient => {
  let isReached = false
  return {
    ...client,
    transaction: work =>
      client.transaction(transaction => {
        const paused: SqlTransaction = {
          ...transaction,
          async query(statement, params) {
            if (!isReached && statement.includes(text)) {
              isReached = true
              await between()
            }
            return transaction.query(statement, params)
          }
        }
        return work(paused)
      })
  }
}

test('a user who confirms an address just after another user keeps the former address', async () => {
  const database = await testDatabase()
  const { client, schema } = database
  const outbox = createOutbox(database)
  const users = [await outbox.person('john', 'john@example.com'), await outbox.person('jane', 'jane@example.com')]
  const { token: address, keyId } = outbox.keyring.encrypt('shared@example.com')
  const addressHash = await outbox.lookupKeys.hash('emails', 'shared@example.com')
  for (const { id: userId, username } of users) {
    await database.emails.setPending({ userId, address, keyId, addressHash })
    const link = {
      hash: hashToken(username),
      purpose: 'verify_email',
      userId,
      addressHash,
      lifetimeMs: 60_000
    } as const
    await database.oneTimeTokens.issue(link)
  }
  const emailsOn = (on: SqlClient) =>
    createEmails({ context: accountsContext(createDatabase(on, schema)), isRequired: false })
  const slow = pausedBefore(client, `set state = 'verified'`, () => emailsOn(client).verify('jane', CLIENT))
  await expect(emailsOn(slow).verify('john', CLIENT)).rejects.toMatchObject({ code: 'link_expired' })
  const [john] = users
  const states = (await database.emails.listOf(john?.id ?? 0)).map(({ state }) => state).sort()
  expect(states).toEqual(['pending', 'verified'])
})
