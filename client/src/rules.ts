/** The rules for usernames and passwords, as hints during input. The service decides; tests/web/words.test.ts compares the rules. */

/** A rule as text, with a function that checks it. */
export interface Rule {
  readonly text: string
  readonly isMet: (value: string) => boolean
}

const lengthOf = (value: string): number => [...value].length
/** Returns the length that the service checks: that of the normalized password. Skips long ones, which are slow to normalize. */
const passwordLengthOf = (value: string): number => lengthOf(value.length > 1024 ? value : value.normalize('NFC'))

export const USERNAME_RULES: readonly Rule[] = [
  { text: '3 to 50 characters', isMet: value => lengthOf(value) >= 3 && lengthOf(value) <= 50 },
  { text: 'only A–Z, a–z, 0–9, _ and -', isMet: value => /^[A-Za-z0-9_-]+$/.test(value) }
]

export const PASSWORD_RULES: readonly Rule[] = [
  { text: '8 to 128 characters', isMet: value => passwordLengthOf(value) >= 8 && passwordLengthOf(value) <= 128 },
  { text: 'an upper-case letter', isMet: value => /\p{Lu}/u.test(value) },
  { text: 'a lower-case letter', isMet: value => /\p{Ll}/u.test(value) },
  { text: 'a digit', isMet: value => /\p{Nd}/u.test(value) }
]
