import { expect, test } from 'vitest'
import { createRecoveryCodes, parseRecoveryCode } from '../../../src/accounts/two-factor/recovery-codes.ts'

test('creates ten codes of 80 bits in four groups, with different prefixes', () => {
  for (let times = 0; times < 50; times++) {
    const { codes, rows } = createRecoveryCodes()
    expect(codes).toHaveLength(10)
    for (const code of codes) expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){3}$/)
    expect(new Set(rows.map(({ prefix }) => prefix)).size).toBe(10)
    expect(codes.map(parseRecoveryCode)).toEqual(rows)
    expect(codes.map(code => code.slice(0, 2))).toEqual(rows.map(({ prefix }) => prefix))
  }
})

test('uses every digit', () => {
  const text = Array.from({ length: 30 }, () => createRecoveryCodes().codes.join('')).join('')
  expect(new Set(text.replaceAll('-', '')).size).toBe(32)
})

test.for(['7q3k 9xjh m2td 0wpa', '7Q3K9XJHM2TD0WPA', ' 7q3k-9xjh-m2td-owpa\n', '7Q3K--9XJH--M2TD--0WPA'])(
  'reads %j as the code that was shown',
  typed => {
    expect(parseRecoveryCode(typed)).toEqual(parseRecoveryCode('7Q3K-9XJH-M2TD-0WPA'))
  }
)

test('reads the letters I and L as the digit that they resemble', () => {
  expect(parseRecoveryCode('il3K-9XJH-M2TD-0WPA')).toEqual(parseRecoveryCode('113K-9XJH-M2TD-0WPA'))
})

test.for(['', '123456', '7Q3K-9XJH-M2TD-0WP', '7Q3K-9XJH-M2TD-0WPA0', 'UUUU-9XJH-M2TD-0WPA', '7Q3K-9XJH-M2TD-0WP😀'])(
  'rejects %j',
  typed => {
    expect(parseRecoveryCode(typed)).toBeUndefined()
  }
)
