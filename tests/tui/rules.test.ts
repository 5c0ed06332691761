/** The rules shown while registering are those that the service holds. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Password, Username } from '../../src/schemas/users.ts'
import { PASSWORD_RULES, type Rule, USERNAME_RULES } from '../../src/tui/screen/rules.ts'
import { compile } from '../../src/validation.ts'

const pieces = fc.constantFrom('a', 'B', '7', '_', '-', 'é', 'Ä', '٣', '你', '👋', ' ', '!')
const texts = fc
  .tuple(fc.array(pieces, { minLength: 1, maxLength: 12 }), fc.constantFrom(1, 1, 4, 12))
  .map(([parts, times]) => parts.join('').repeat(times))

test.each<[string, object, readonly Rule[]]>([
  ['username', Username, USERNAME_RULES],
  ['password', Password, PASSWORD_RULES]
])('a %s meets every rule if and only if the service takes it', (_, schema, rules) => {
  const isTaken = compile(schema)
  fc.assert(
    fc.property(texts, text => {
      expect(
        rules.every(({ isMet }) => isMet(text)),
        text
      ).toBe(isTaken(text))
    }),
    { numRuns: 2000 }
  )
})
