/** Tests how usernames are derived from the names in tokens of another issuer. */
import { expect, test } from 'vitest'
import { usernameFrom, usernamesFor } from '../../../src/accounts/issuers/usernames.ts'
import { isReservedName } from '../../../src/accounts/reserved-names.ts'
import { Username } from '../../../src/protocol/http/users.ts'
import { compile } from '../../../src/protocol/validation.ts'
import fc from '../../support/properties.ts'

const isValid = compile(Username)

test.for([
  ['John', 'John'],
  ['jane.doe@example.com', 'jane-doe'],
  ['Jürgen Müller', 'Jurgen-Muller'],
  ['李小龙', 'user'],
  ['jo', 'user-jo'],
  ['--', 'user'],
  ['x'.repeat(200), 'x'.repeat(42)],
  [undefined, 'user'],
  [7, 'user']
] as const)('%s becomes %s', ([name, username]) => {
  expect(usernameFrom(name)).toBe(username)
})

test('every name leads to valid, different usernames, none of which is reserved', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.string({ unit: 'grapheme' }), fc.constantFrom('admin', 'ALL', 'here@x')),
      name => {
        const usernames = [...usernamesFor(name)]
        for (const username of usernames) expect([username, isValid(username)]).toEqual([username, true])
        expect(usernames.filter(isReservedName)).toEqual([])
        expect(new Set(usernames).size).toBeGreaterThan(20)
      }
    )
  )
})
