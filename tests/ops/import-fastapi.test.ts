/** Tests how an import reads the encryption key of the other service, and how it checks and renames usernames. */
import { createHash } from 'node:crypto'
import { expect, test } from 'vitest'
import { generateKey } from '../../src/crypto/fernet.ts'
import { renamed } from '../../src/ops/import-fastapi/names.ts'
import { sourceKeyOf } from '../../src/ops/import-fastapi/source-key.ts'

test('a Fernet key is used as it is, and a passphrase is hashed', () => {
  const key = generateKey()
  expect(sourceKeyOf(key)).toBe(key)
  // Python accepts both alphabets of base64 (`+/` and `-_`), and ignores the unused bits of the last character.
  const bytes = Buffer.alloc(32, 0xfb)
  expect(sourceKeyOf(bytes.toString('base64'))).toBe(`${bytes.toString('base64url')}=`)
  expect(sourceKeyOf(`${'A'.repeat(42)}B=`)).toBe(`${'A'.repeat(43)}=`)
  for (const passphrase of ['secret', 'é'.repeat(22), `${key}x`, '']) {
    expect(sourceKeyOf(passphrase)).toBe(`${createHash('sha256').update(passphrase).digest('base64url')}=`)
  }
})

const usersOf = (...names: string[]) => names.map((username, id) => ({ id, username }))

test('names are problems if they break the rules, are equal or differ only in case, and renames must name a user', () => {
  const users = usersOf('Ann', 'ann', 'a b', 'éva', 'x'.repeat(51), 'bob')
  expect(renamed(users, new Map()).problems).toEqual([
    { name: 'ann', problem: 'differs from Ann only in case' },
    { name: 'a b', problem: 'must have only letters of A-Z and a-z, digits, "_" and "-"' },
    { name: 'éva', problem: 'must have only letters of A-Z and a-z, digits, "_" and "-"' },
    { name: 'x'.repeat(51), problem: 'must have at most 50 characters' }
  ])
  const renames = { ann: 'ann2', 'a b': 'a_b', éva: 'eva', ['x'.repeat(51)]: 'xxx' }
  const { byId, problems } = renamed(users, new Map(Object.entries(renames)))
  expect(problems).toEqual([])
  expect([...byId.values()]).toEqual(['Ann', 'ann2', 'a_b', 'eva', 'xxx', 'bob'])
  expect(renamed(users.slice(5), new Map([['Bob', 'bob2']])).problems).toEqual([
    { name: 'Bob', problem: 'is renamed, but the other service has no such user' }
  ])
  // A new name can also conflict with the name of another user.
  expect(renamed(usersOf('Ann', 'zoe'), new Map([['zoe', 'ANN']])).problems).toEqual([
    { name: 'zoe', problem: 'differs from Ann only in case' }
  ])
  expect(renamed(usersOf('bob', 'zoe'), new Map([['zoe', 'bob']])).problems).toEqual([
    { name: 'zoe', problem: 'would have the same name as bob: bob' }
  ])
})
