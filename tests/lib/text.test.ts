import { describe, expect, test } from 'vitest'
import { inOneLine, isVisible, NO_CONTROLS, NO_REORDERING } from '../../src/lib/text.ts'
import { expectLinear } from '../support/growth.ts'

/** Returns the code points, except surrogates, for which a function returns true. */
const codePointsWhere = (isWanted: (character: string) => boolean): string[] => {
  const found: string[] = []
  for (let code = 0; code <= 0x10ffff; code++) {
    if (code >= 0xd800 && code <= 0xdfff) continue
    const character = String.fromCodePoint(code)
    if (isWanted(character)) found.push(character)
  }
  return found
}

describe('a text', () => {
  test('treats white space, control characters and default ignorable characters as invisible', () => {
    const unseen = /^[\p{White_Space}\p{Cc}\p{Default_Ignorable_Code_Point}]$/u
    const wrong = codePointsWhere(character => unseen.test(character) && isVisible(character))
    expect(wrong).toEqual([])
  })

  test('treats a blank character as invisible even if Unicode classifies it as a letter or a symbol', () => {
    for (const blank of ['\u2800', '\u3164', '\uffa0', '\u115f\u1160', '\u{16fe4}', '\u{1d159}', '\u{13441}']) {
      expect(isVisible(blank)).toBe(false)
    }
  })

  test('treats a text as visible if a letter, number, punctuation or symbol is between invisible characters', () => {
    const seen = /^[\p{L}\p{N}\p{P}\p{S}]$/u
    const unseen = /^[\p{Default_Ignorable_Code_Point}\u2800\u{1d159}\u{13441}\u{13442}]$/u
    const wrong = codePointsWhere(
      character => seen.test(character) && !unseen.test(character) && !isVisible(`\u200b${character}\u202e`)
    )
    expect(wrong).toEqual([])
  })

  test.for([
    ['an emoji of several code points', '👩‍👩‍👧‍👦'],
    ['a flag made of tags', '🏴󠁧󠁢󠁥󠁮󠁧󠁿'],
    ['a heart with a variation selector', '❤️'],
    ['Arabic with a right-to-left mark', '\u200fمرحبا'],
    ['Hangul', '한'],
    ['a combining mark alone', '\u0301'],
    ['a lone surrogate, which becomes U+FFFD', '\ud800']
  ] as const)('treats %s as visible', ([, text]) => {
    expect(isVisible(text)).toBe(true)
  })

  test('checks many invisible characters in linear time', () => {
    expectLinear(
      length => '\u200b\u{e0041}'.repeat(length),
      text => expect(isVisible(text)).toBe(false)
    )
  })
})

// Tests the patterns without flags, and with the flag `u`, which Ajv sets.
test.for(['', 'u'])(
  'rejects control characters, separators and bidirectional controls with patterns that have the flags "%s"',
  flags => {
    const patterns = [NO_CONTROLS, NO_REORDERING].map(pattern => new RegExp(pattern, flags))
    const refused = codePointsWhere(character => !patterns.every(pattern => pattern.test(`a${character}b`)))
    const expected = codePointsWhere(character => /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(character))
    expect(refused).toEqual(expected)
  }
)

test('converts a text to one line that the patterns accept, and changes no other text', () => {
  expect(inOneLine('Ann\r\nB.\u2028\u001b[31m\u202eC\u0000')).toBe('Ann  B.  [31mC ')
  expect(inOneLine('👩‍👩‍👧‍👦 Zoë مرحبا 한\ud800')).toBe('👩‍👩‍👧‍👦 Zoë مرحبا 한\ud800')
  const patterns = [NO_CONTROLS, NO_REORDERING].map(pattern => new RegExp(pattern))
  expect(codePointsWhere(character => !patterns.every(pattern => pattern.test(inOneLine(`a${character}b`))))).toEqual(
    []
  )
})
