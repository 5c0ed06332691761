/** Tests the rotation of encryption keys on a database with tokens of two keys. */
import { describe, expect, test } from 'vitest'
import { createLookupKeys } from '../../src/accounts/lookup-keys.ts'
import { createMail } from '../../src/accounts/mail/mail.ts'
import { keyStatus } from '../../src/cli/key-status.ts'
import { generateKey } from '../../src/crypto/fernet.ts'
import { createKeyring, type Keyring } from '../../src/crypto/keyring.ts'
import type { ChatDatabase } from '../../src/db/database.ts'
import { reencryptOnce } from '../../src/db/reencrypt.ts'
import { countTokensByKey } from '../../src/db/table-pages.ts'
import { rotate } from '../../src/ops/rotation.ts'
import { testDatabase } from '../support/database.ts'
import { startChat } from '../support/start-chat.ts'

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

/** The options of a rotation that runs alone. */
const alone = (database: ChatDatabase, keyring: Keyring) => ({
  database,
  keyring,
  count: () => countTokensByKey(database),
  pass: () => reencryptOnce({ ...database, keyring, pageSize: 3 }),
  onPage: () => {},
  onWait: () => {},
  wait: async () => {}
})

describe('a rotation', () => {
  test('encrypts everything with the current key, after which the old key is not needed', async () => {
    const database = await testDatabase()
    const { read, addressHash } = await fill(database, before)
    const texts = await read(before)
    await database.keys.use([before.currentKeyId])
    expect(await rotate(alone(database, during))).toMatchObject({ rows: 11, unreadable: 0 })
    expect(await read(after)).toEqual(texts)
    const lookupKeys = createLookupKeys({ repository: database.lookupKeys, keyring: after })
    expect(await lookupKeys.hash('emails', 'a@b.org')).toBe(addressHash)
    const uses = await countTokensByKey({ ...database, pageSize: 2 })
    expect(new Set(uses.map(({ keyId }) => keyId))).toEqual(new Set([after.currentKeyId]))
    const known = await database.keys.list()
    expect(known).toMatchObject([
      { keyId: before.currentKeyId, goneAt: expect.any(Number) },
      { keyId: after.currentKeyId, goneAt: null }
    ])
    const status = keyStatus({ uses, keyring: during, processes: [], known }).join('\n')
    expect(status).toContain(`Key ${before.currentKeyId} can be removed`)
    expect(await rotate(alone(database, during))).toMatchObject({ rows: 0 })
  })

  test('keeps tokens that no key decrypts, and counts them', async () => {
    const database = await testDatabase()
    await fill(database, keyringOf(generateKey()))
    const { unreadable, uses } = await rotate(alone(database, during))
    expect(unreadable).toBe(11)
    expect(keyStatus({ uses, keyring: during, processes: [] }).join('\n')).toContain('is not in the settings')
    expect(await database.keys.list()).toHaveLength(2)
  })

  test('does not restore what was edited, erased or deleted after it was read', async () => {
    const database = await testDatabase()
    const { client, schema } = database
    await fill(database, before)
    const sql = (text: string, params: unknown[] = []) => client.query(text.replaceAll('@', `"${schema}".`), params)
    let isChanged = false
    const changing = {
      ...client,
      async transaction<T>(work: Parameters<typeof client.transaction<T>>[0]): Promise<T> {
        const [row] = await sql(`select 1 from @messages where key_id = $1 limit 1`, [after.currentKeyId])
        if (!isChanged && row === undefined) {
          await sql('update @messages set content = null, meta = null, key_id = null where seq = 2')
          await sql('update @messages set content = $1 where seq = 3', [before.encrypt('edited').token])
          await sql('delete from @messages where seq = 4')
        }
        return client.transaction(work)
      }
    }
    const pass = async (of: typeof client) => reencryptOnce({ client: of, schema, keyring: during })
    expect(await pass(changing)).toMatchObject({ unreadable: 0 })
    isChanged = true
    const rows = await client.query<{ seq: number; content: string | null; keyId: string | null }>(
      `select seq::integer, content, key_id as "keyId" from "${schema}".messages order by seq`
    )
    expect(rows.map(({ seq, content }) => [seq, content === null ? null : during.decrypt(content)])).toEqual([
      [1, 'text 1'],
      [2, null],
      [3, 'edited'],
      [5, 'text 5'],
      [6, 'text 6'],
      [7, 'text 7']
    ])
    expect(rows[2]?.keyId).toBe(before.currentKeyId)
    expect(await pass(client)).toMatchObject({ rows: 1, skipped: 0 })
    expect((await pass(client)).rows).toBe(0)
  })

  test('reports no changed entries to the processes, because the texts stay the same', async () => {
    const database = await testDatabase()
    const { client, schema } = database
    await fill(database, before)
    const changes = () => client.query(`select * from "${schema}".log_changes where from_seq is not null`)
    await rotate(alone(database, during))
    expect(await changes()).toEqual([])
    await client.query(`update "${schema}".messages set content = null where seq = 1`)
    expect(await changes()).toHaveLength(1)
  })

  test('begins when every process has the current key, and ends when every process encrypts with it', async () => {
    const database = await testDatabase()
    await fill(database, before)
    const process = (keyring: Keyring) =>
      database.processes.refresh({ id: 'p', version: '1', keyId: keyring.currentKeyId, keyIds: keyring.keyIds })
    await process(before)
    await expect(rotate(alone(database, during))).rejects.toThrow('1 running process has no key')
    await database.processes.remove('p')
    await process(keyringOf(OLD, NEW))
    const waits: number[] = []
    const result = await rotate({
      ...alone(database, during),
      onWait: count => void waits.push(count),
      async wait() {
        // Before its restart, the process stores another text with the old key.
        const { token, keyId } = before.encrypt('JBSWY3DPEHPK3PXQ')
        await database.client.query(`update "${database.schema}".totp set secret = $1, key_id = $2`, [token, keyId])
        await database.processes.remove('p')
        await process(during)
      }
    })
    expect(waits).toEqual([1])
    expect(result.uses.filter(({ keyId }) => keyId !== after.currentKeyId)).toEqual([])
  })
})

test('the status names the keys that must stay', async () => {
  const database = await testDatabase()
  await fill(database, before)
  const uses = await countTokensByKey(database)
  const text = keyStatus({ uses, keyring: during, processes: [] }).join('\n')
  expect(text).toMatch(/^messages\.content +[0-9a-f]{16} +6$/m)
  expect(text).toMatch(/^messages\.content +\(none\) +1$/m)
  expect(text).toContain(`Key ${before.currentKeyId} must stay in ENCRYPTION_KEY_PREVIOUS: 13 tokens.`)
  expect(text).toContain(`Key ${during.currentKeyId} is the current one, ENCRYPTION_KEY: 0 tokens.`)
  const processes = [{ keyId: before.currentKeyId }]
  const used = keyStatus({ uses: [], keyring: during, processes }).join('\n')
  expect(used).toContain(`Key ${before.currentKeyId} must stay: 1 running process encrypts with it.`)
})

describe('a process', () => {
  const started = (database: ChatDatabase, encryptionKey: string, ...encryptionKeyPrevious: string[]) =>
    startChat({ database, settings: { encryptionKey, encryptionKeyPrevious, migrateOnStart: true } })

  test('starts with only the new key after a rotation, and reads every text', async () => {
    const first = await startChat({ settings: { encryptionKey: OLD, migrateOnStart: true } })
    const { database } = first
    const john = await first.register('john')
    const writer = await first.join(john)
    for (const n of [1, 2, 3]) writer.send({ type: 'message', content: `text ${n}`, meta: { n }, ref: 'r' })
    for (const _ of [1, 2, 3]) await writer.nextOf('ack')
    writer.send({ type: 'edit', target: 1, content: 'edited', ref: 'e' })
    await writer.nextOf('ack')
    const report = { token: john.token, body: { reason: 'spam' } }
    expect((await first.call('POST', '/api/chat/rooms/general/messages/2/report', report)).status).toBeLessThan(300)
    await first.server.close()

    await expect(started(database, NEW)).rejects.toThrow('is not the key of this database')
    await rotate(alone(database, during))
    const second = await started(database, NEW)
    expect(second.log()).not.toContain('are not in the settings')
    const { body } = await second.call('GET', '/api/chat/messages', { token: john.token })
    expect(body.map(({ content, meta }: { content: string; meta?: object }) => [content, meta])).toEqual([
      ['edited', undefined],
      ['text 2', { n: 2 }],
      ['text 3', { n: 3 }]
    ])
    for (const { table, column } of await countTokensByKey(database)) {
      const rows = await database.client.query<{ token: string }>(
        `select "${column}" as token from "${database.schema}"."${table}" where "${column}" is not null`
      )
      for (const { token } of rows) expect(after.decrypt(token), `${table}.${column}`).toBeDefined()
    }
  })

  test('starts without the key of older texts, and warns', async () => {
    const first = await startChat({ settings: { encryptionKey: OLD, migrateOnStart: true } })
    const { database } = first
    const john = await first.register('john')
    const writer = await first.join(john)
    writer.send({ type: 'message', content: 'old', ref: 'r' })
    await writer.nextOf('ack')
    const moved = await started(database, NEW, OLD)
    const other = await moved.join(john)
    other.send({ type: 'message', content: 'new', ref: 'r' })
    await other.nextOf('ack')
    const second = await started(database, NEW)
    expect(second.log()).toContain('are not in the settings')
    expect(second.log()).toContain(before.currentKeyId)
  })
})
