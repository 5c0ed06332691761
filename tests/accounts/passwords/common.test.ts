import { readFileSync } from 'node:fs'
import { Type } from '@sinclair/typebox'
import { describe, expect, test } from 'vitest'
import { isCommon, isMostlyName } from '../../../src/accounts/passwords/common.ts'
import { COMMON_WORDS } from '../../../src/accounts/passwords/common-words.ts'
import { createPasswordPolicy, serviceNamesOf } from '../../../src/accounts/passwords/policy.ts'
import { wordsOf } from '../../../src/accounts/passwords/skeleton.ts'
import { Password } from '../../../src/protocol/http/users.ts'
import { compile } from '../../../src/protocol/validation.ts'
import { COMMON_PASSWORDS, commonWordsFile } from '../../../tools/common-passwords.ts'
import fc from '../../support/properties.ts'

/** Checks a password against the schema of registration. The schema does not look for common passwords. */
const isValidBody = compile(Type.Object({ password: Password }))
const satisfiesRules = (password: string): boolean => isValidBody({ password }) as boolean

describe('a common password', () => {
  test('is refused with an upper-case first letter and a usual ending, for each word of the list', () => {
    const bases = new Set<string>()
    const accepted: string[] = []
    for (const word of COMMON_PASSWORDS) {
      const capitalized = word.charAt(0).toUpperCase() + word.slice(1)
      for (const password of ['1', '123', '2026', '!1'].map(ending => capitalized + ending).filter(satisfiesRules)) {
        bases.add(word)
        if (!isCommon(password)) accepted.push(password)
      }
    }
    expect(accepted).toEqual([])
    expect(bases.size).toBeGreaterThan(3000)
  })

  test.for([
    ['in any case', 'tRustNo1'],
    ['between digits and symbols', '2026!Dragon$$'],
    ['with digits and symbols in place of letters', 'P@$$w0rd99'],
    ['that ends with a digit in place of a letter', '!!Letme1n2026'],
    ['that begins with a symbol in place of a letter', '$unshine1'],
    ['with 1 in place of l', 'We1come2026'],
    ['with more digits after its own', 'Abc123456789'],
    ['in letters of full width', 'Ｐａｓｓｗｏｒｄ１２３']
  ] as const)('is refused %s', ([, password]) => {
    expect(isCommon(password)).toBe(true)
  })

  test.for(['SecurePass123', 'Correct horse battery staple 1', 'Kq83915274x', 'Пароль-и-ещё-7', '1234567890', ''])(
    'does not include %j',
    password => {
      expect(isCommon(password)).toBe(false)
    }
  )

  test('does not include random passwords of twelve characters', () => {
    const characters = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0123456789!@#$%&*-_'
    const random = fc.array(fc.constantFrom(...characters), { minLength: 12, maxLength: 20 })
    fc.assert(
      fc.property(random, chosen => !isCommon(chosen.join(''))),
      { numRuns: 5000 }
    )
  })

  test('is found by a search that finds every word and nothing else', () => {
    const words = COMMON_WORDS.trimEnd().split('\n')
    expect(words.filter(word => /^[a-z]+$/.test(word) && !isCommon(word))).toEqual([])
    expect(words).toEqual([...new Set(words)].sort())
    expect(['aaaaaaab', 'zzzzzzzzzzzz', 'passwor\nd', '\n'].filter(isCommon)).toEqual([])
  })

  test('is looked for with at most 400 words, whatever its characters', () => {
    for (const password of ['7'.repeat(128), `${'7'.repeat(63)}a${'7'.repeat(64)}`, 'a'.repeat(128), '€a'.repeat(9)]) {
      expect([...wordsOf(password)].length).toBeLessThanOrEqual(400)
    }
  })
})

test('src/accounts/passwords/common-words.ts is what `npm run passwords:common` writes', () => {
  expect(readFileSync('src/accounts/passwords/common-words.ts', 'utf8') === commonWordsFile()).toBe(true)
})

describe('a password that contains a name', () => {
  test.for([
    ['JohnSmith123', 'johnsmith', true],
    ['J0hn-Sm1th!2a', 'john_smith', true],
    ['123JohnSmith', 'JohnSmith', true],
    ['JohnSmith1234', 'johnsmith', false],
    ['Correct-horse-john-1', 'john', false],
    ['Aa1-----', '---', false]
  ] as const)('%s of %s is refused: %s', ([password, name, isRefused]) => {
    expect(isMostlyName(password, [name])).toBe(isRefused)
  })

  test('is refused for the program, the host name and its parts', () => {
    const names = serviceNamesOf('https://talk.example-club.org:8443/chat')
    expect(names).toEqual(['fastify-chat', 'talk.example-club.org', 'talk', 'example-club', 'org'])
    for (const password of ['FastifyChat1', 'Talk.example-club.org1', 'ExampleClub99']) {
      expect(isMostlyName(password, names)).toBe(true)
    }
    expect(serviceNamesOf(undefined)).toEqual(['fastify-chat'])
  })
})

describe('the password policy', () => {
  const refusal = { code: 'password_too_common', statusCode: 422 }

  test('refuses common passwords and names, and does not quote the password', () => {
    const policy = createPasswordPolicy({ isCommonChecked: true, serviceNames: [] })
    expect(() => policy.check('Password123', 'john')).toThrow(expect.objectContaining(refusal))
    expect(() => policy.check('JohnSmith1', 'johnsmith')).toThrow(expect.objectContaining(refusal))
    expect(() => policy.check('Password123', 'john')).toThrow(expect.not.stringContaining('Password123'))
    policy.check('SecurePass123', 'john')
  })

  test('accepts every password if the check is turned off', () => {
    createPasswordPolicy({ isCommonChecked: false, serviceNames: [] }).check('Password123', 'password')
  })
})
