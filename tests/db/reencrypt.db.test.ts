/** Tests the rotation of encryption keys on a database with tokens of two keys. */
import { expect, test } from 'vitest'
import { createLookupKeys } from '../../src/accounts/lookup-keys.ts'
import { createMail } from '../../src/accounts/mail/mail.ts'
import { keyStatus } from '../../src/cli/key-rotation.ts'
import { generateKey } from '../../src/crypto/fernet.ts'
import { createKeyring, type Keyring } from '../../src/crypto/keyring.ts'
import type { ChatDatabase } from '../../src/db/database.ts'
import { countTokensByKey } from '../../src/db/encrypted-columns.ts'
import { reencrypt } from '../../src/db/reencrypt.ts'
import { testDatabase } from '../support/database.ts'

const [OLD, NEW] = [generateKey(), generateKey()]
const keyringOf = (current: string, ...previous: string[]) => createKeyring({ current, previous, now: Date.now })
const [before, during, after] = [keyringOf(OLD), keyringOf(NEW, OLD), keyringOf(NEW)]

/** Stores tokens in every encrypted column. Returns a function that reads all these tokens with a keyring. */
const fill = async (database: ChatDatabase, keyring: Keyring) => {
  const { client, schema } = database
  const { id: userId } = await database.users.create({ username: 'john', hashedPassword: 'h' })
  const addressHash = await createLookupKeys({ repository: database.lookupKeys, keyring }).hash('emails', 'a@b.org')
  const email = keyring.encrypt('a@b.org')
  await database.emails.setPending({ userId, address: email.token, keyId: email.keyId, addressHash })
  const secret = keyring.encrypt('JBSWY3DPEHPK3PXP')
  await database.totp.enrol({ userId, secret: secret.token, keyId: secret.keyId })
  await createMail({ keyring, isConfigured: true }).enqueue(database, { kind: 'new_admin', userId, params: {} })
  const [room] = await client.query<{ id: number }>(`select id from "${schema}".rooms limit 1`)
  for (let seq = 1; seq <= 7; seq++) {
    const { token, keyId } = keyring.encrypt(`text ${seq}`)
    const meta = seq % 2 ? keyring.encrypt(`{"a":${seq}}`).token : null
    await client.query(
      `insert into "${schema}".messages (room_id, seq, kind, user_id, content, meta, key_id, write_id, created_at)
       values ($1, $2, 'message', $3, $4, $5, $6, $7, now())`,
      [room?.id, seq, userId, token, meta, seq === 1 ? null : keyId, `w${seq}`]
    )
  }
  return {
    addressHash,
    read: async (reading: Keyring) => {
      const rows = await client.query<{ token: string }>(
        `select content as token from "${schema}".messages union all select meta from "${schema}".messages where meta is not null
         union all select address from "${schema}".emails union all select secret from "${schema}".totp
         union all select payload from "${schema}".outbox`
      )
      return rows.map(({ token }) => reading.decrypt(token)).sort()
    }
  }
}

test('a rotation encrypts everything with the current key, after which the old key is not needed', async () => {
  const database = await testDatabase()
  const { client, schema } = database
  const { read, addressHash } = await fill(database, before)
  const texts = await read(before)
  const counts: number[] = []
  const options = {
    client,
    schema,
    keyring: during,
    batch: 3,
    onBatch: ({ rows }: { rows: number }) => counts.push(rows)
  }
  expect(await reencrypt(options)).toBe(0)
  expect(counts.reduce((sum, rows) => sum + rows)).toBe(11)
  expect(await read(after)).toEqual(texts)
  const lookupKeys = createLookupKeys({ repository: database.lookupKeys, keyring: after })
  expect(await lookupKeys.hash('emails', 'a@b.org')).toBe(addressHash)
  const uses = await countTokensByKey(client, schema)
  expect(new Set(uses.map(({ keyId }) => keyId))).toEqual(new Set([after.currentKeyId]))
  expect(keyStatus(uses, during, []).join('\n')).toContain(`Key ${before.currentKeyId} can be removed`)
  counts.length = 0
  expect(await reencrypt(options)).toBe(0)
  expect(counts).toEqual([])
})

test('a rotation keeps tokens that no key decrypts, and counts them', async () => {
  const database = await testDatabase()
  await fill(database, keyringOf(generateKey()))
  const { client, schema } = database
  expect(await reencrypt({ client, schema, keyring: during })).toBe(11)
  expect(keyStatus(await countTokensByKey(client, schema), during, []).join('\n')).toContain('is not in the settings')
})

test('the status names the keys that must stay', async () => {
  const database = await testDatabase()
  await fill(database, before)
  const uses = await countTokensByKey(database.client, database.schema)
  const text = keyStatus(uses, during, []).join('\n')
  expect(text).toMatch(/^messages\.content +[0-9a-f]{16} +6$/m)
  expect(text).toMatch(/^messages\.content +\(none\) +1$/m)
  expect(text).toContain(`Key ${before.currentKeyId} must stay in ENCRYPTION_KEY_PREVIOUS: 13 tokens.`)
  expect(text).toContain(`Key ${during.currentKeyId} is the current one, ENCRYPTION_KEY: 0 tokens.`)
  const used = keyStatus([], during, [{ keyId: before.currentKeyId }]).join('\n')
  expect(used).toContain(`Key ${before.currentKeyId} must stay: 1 running process encrypts with it.`)
})
