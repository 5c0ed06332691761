/** Tests that the list of encrypted columns matches the columns in which the service stores Fernet tokens. */
import { expect, test } from 'vitest'
import { createLookupKeys } from '../../src/accounts/lookup-keys.ts'
import { createMail } from '../../src/accounts/mail/mail.ts'
import { BUILT_IN } from '../../src/chat/kinds/index.ts'
import { createKeyring } from '../../src/crypto/keyring.ts'
import { ENCRYPTED_COLUMNS } from '../../src/db/encrypted-columns.ts'
import { countTokensByKey } from '../../src/db/table-pages.ts'
import { ENCRYPTION_KEY } from '../support/settings.ts'
import { startChat } from '../support/start-chat.ts'
import { wave } from '../support/wave.ts'

test('the list contains exactly the columns in which tokens are found', async () => {
  const { database, register, join, call } = await startChat({ builtInKinds: [...BUILT_IN, wave] })
  const { client, schema } = database
  const person = await register('john')
  const john = await join(person)
  john.send({ type: 'message', content: 'a', meta: { b: 1 }, ref: 'r1' })
  await john.nextOf('ack')
  john.send({ type: 'message', content: 'c', ref: 'r2' })
  await john.nextOf('ack')
  john.send({ type: 'greet', target: 1, content: 'hello', mood: 'glad', ref: 'r3' })
  await john.nextOf('ack')

  await call('POST', '/api/chat/rooms/general/messages/1/report', { token: person.token, body: { reason: 'spam' } })

  const keyring = createKeyring({ current: ENCRYPTION_KEY, now: Date.now })
  const addressHash = await createLookupKeys({ repository: database.lookupKeys, keyring }).hash(
    'emails',
    'j@example.com'
  )
  const email = keyring.encrypt('j@example.com')
  await database.emails.setPending({ userId: person.id, address: email.token, keyId: email.keyId, addressHash })
  const mail = createMail({ keyring, isConfigured: true })
  await mail.enqueue(database, { kind: 'verify_email', userId: person.id, params: { addressHash } })
  const { token, keyId: totpKeyId } = keyring.encrypt('JBSWY3DPEHPK3PXP')
  await database.totp.enrol({ userId: person.id, secret: token, keyId: totpKeyId })

  await client.query(
    `insert into "${schema}".restrictions (room_id, user_id, kind, reason, key_id) values (1, $1, 'mute', $2, $3)`,
    [person.id, email.token, email.keyId]
  )

  const columns = await client.query<{ table: string; column: string }>(
    `select table_name as "table", column_name as "column" from information_schema.columns
     where table_schema = $1 and data_type in ('text', 'jsonb', 'ARRAY') order by 1, 2`,
    [schema]
  )
  expect(columns).toContainEqual({ table: 'others', column: 'detail' })
  const withTokens = []
  for (const { table, column } of columns) {
    // Every Fernet token begins with these characters. These characters encode the version and the first bytes of the timestamp.
    const found = await client.query(
      `select 1 from "${schema}"."${table}" where "${column}"::text like '%gAAAAA%' limit 1`
    )
    if (found.length > 0) withTokens.push({ table, column })
  }
  expect(withTokens).toEqual(ENCRYPTED_COLUMNS.map(({ table, column }) => ({ table, column })))

  const [{ keyId } = { keyId: null }] = await database.processes.live()
  expect(await countTokensByKey({ client, schema, pageSize: 2 })).toEqual([
    { table: 'emails', column: 'address', keyId, tokens: 1 },
    { table: 'lookup_keys', column: 'secret', keyId, tokens: 2 },
    { table: 'messages', column: 'content', keyId, tokens: 3 },
    { table: 'messages', column: 'meta', keyId, tokens: 1 },
    { table: 'outbox', column: 'payload', keyId, tokens: 1 },
    { table: 'reports', column: 'content', keyId, tokens: 1 },
    { table: 'reports', column: 'reason', keyId, tokens: 1 },
    { table: 'restrictions', column: 'reason', keyId, tokens: 1 },
    { table: 'totp', column: 'secret', keyId, tokens: 1 }
  ])
})
