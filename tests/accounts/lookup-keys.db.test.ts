import { expect, test } from 'vitest'
import { createLookupKeys } from '../../src/accounts/lookup-keys.ts'
import { generateKey } from '../../src/crypto/fernet.ts'
import { createKeyring } from '../../src/crypto/keyring.ts'
import { testDatabase } from '../support/database.ts'

const first = generateKey()
const keyringOf = (current: string, ...previous: string[]) => createKeyring({ current, previous, now: Date.now })

test('processes that create a key at once compute the same hashes', async () => {
  const { lookupKeys: repository } = await testDatabase()
  const processes = Array.from({ length: 8 }, () => createLookupKeys({ repository, keyring: keyringOf(first) }))
  const hashes = await Promise.all(processes.map(({ hash }) => hash('emails', 'john@example.com')))
  expect(new Set(hashes).size).toBe(1)
  expect(hashes[0]).toMatch(/^[0-9a-f]{64}$/)
})

test('the hash of a text differs per kind and per database', async () => {
  const [here, there] = [await testDatabase(), await testDatabase()]
  const keys = createLookupKeys({ repository: here.lookupKeys, keyring: keyringOf(first) })
  const others = createLookupKeys({ repository: there.lookupKeys, keyring: keyringOf(first) })
  const hashes = [await keys.hash('emails', 'a'), await keys.hash('names', 'a'), await others.hash('emails', 'a')]
  expect(new Set(hashes).size).toBe(3)
})

test('a key stays the same when the encryption key is rotated, and is stored only encrypted', async () => {
  const { lookupKeys: repository, client, schema } = await testDatabase()
  const hash = await createLookupKeys({ repository, keyring: keyringOf(first) }).hash('emails', 'a')
  const rotated = createLookupKeys({ repository, keyring: keyringOf(generateKey(), first) })
  expect(await rotated.hash('emails', 'a')).toBe(hash)
  const [row] = await client.query<{ secret: string }>(`select secret from "${schema}".lookup_keys`)
  expect(row?.secret).toMatch(/^gAAAAA/)
})

test('a key is encrypted again when it is read after a rotation, so that the old encryption key can be removed', async () => {
  const { lookupKeys: repository } = await testDatabase()
  const second = generateKey()
  const hash = await createLookupKeys({ repository, keyring: keyringOf(first) }).hash('names', 'a')
  await createLookupKeys({ repository, keyring: keyringOf(second, first) }).hash('names', 'a')
  expect(await createLookupKeys({ repository, keyring: keyringOf(second) }).hash('names', 'a')).toBe(hash)
})

test('a key that cannot be decrypted is reported, and read again by the next call', async () => {
  const { lookupKeys: repository } = await testDatabase()
  await createLookupKeys({ repository, keyring: keyringOf(first) }).hash('emails', 'a')
  let isBroken = true
  const keyring = {
    ...keyringOf(first),
    decrypt: (token: string) => (isBroken ? undefined : keyringOf(first).decrypt(token))
  }
  const keys = createLookupKeys({ repository, keyring })
  await expect(keys.hash('emails', 'a')).rejects.toThrow('ENCRYPTION_KEY_PREVIOUS')
  isBroken = false
  await expect(keys.hash('emails', 'a')).resolves.toMatch(/^[0-9a-f]{64}$/)
})
