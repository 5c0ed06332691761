/** Tests that the duration of the e-mail routes does not reveal whether an address is taken. */
import { expect, test } from 'vitest'
import { createEmails } from '../../../src/accounts/emails/emails.ts'
import { createMail } from '../../../src/accounts/mail/mail.ts'
import type { SqlClient, SqlTransaction } from '../../../src/db/client/types.ts'
import { createDatabase } from '../../../src/db/database.ts'
import { accountsContext } from '../../support/accounts.ts'
import { testDatabase } from '../../support/database.ts'
import { createOutbox } from '../../support/outbox.ts'

/** Returns a client that records the statements of transactions, without their parameters. */
const recording = (client: SqlClient, statements: string[]): SqlClient => ({
  ...client,
  transaction: work =>
    client.transaction(transaction => {
      const recorded: SqlTransaction = {
        ...transaction,
        query(text, params) {
          statements.push(text)
          return transaction.query(text, params)
        }
      }
      return work(recorded)
    })
})

test('entering an address runs the same statements whether another user has verified it or not', async () => {
  const { client, schema } = await testDatabase()
  const statements: string[] = []
  const database = createDatabase(recording(client, statements), schema)
  const context = accountsContext(database)
  const mail = createMail({ keyring: context.keyring, isConfigured: true })
  const emails = createEmails({ context: { ...context, mail }, isRequired: false })
  await createOutbox(database).person('owner', 'taken@example.com')
  const john = await database.users.create({ username: 'john', hashedPassword: 'h' })

  const statementsOf = async (address: string): Promise<string[]> => {
    statements.length = 0
    await emails.enter(john, address, { address: '192.0.2.1', agent: undefined })
    return [...statements]
  }
  const free = await statementsOf('free@example.com')
  expect(free.length).toBeGreaterThan(4)
  expect(await statementsOf('taken@example.com')).toEqual(free)
  const kinds = await client.query<{ kind: string }>(`select kind from "${schema}".outbox order by created_at`)
  expect(kinds.map(({ kind }) => kind)).toEqual(['verify_email', 'email_taken'])
})
