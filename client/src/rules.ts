/**
 * The rules for usernames and passwords, shown as hints during input. The service checks the rules itself.
 * tests/web/words.test.ts compares these rules with those of the service.
 */

export interface Rule {
  readonly text: string
  readonly isMet: (value: string) => boolean
}

const lengthOf = (value: string): number => [...value].length
/**
 * Returns the length of the normalized password, which is the length that the service checks. Doesn't normalize a long
 * password, because that is slow.
 */
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
