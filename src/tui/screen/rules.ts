/** The rules of a registration, to be shown as they are met. The service's own check is the one that counts. */

export interface Rule {
  readonly text: string
  readonly isMet: (value: string) => boolean
}

/** Code points, as the service counts. */
const lengthOf = (text: string): number => [...text].length

export const USERNAME_RULES: readonly Rule[] = [
  { text: '3 to 50 characters', isMet: name => lengthOf(name) >= 3 && lengthOf(name) <= 50 },
  { text: 'only letters of A-Z and a-z, digits, "_" and "-"', isMet: name => /^[A-Za-z0-9_-]+$/.test(name) }
]

export const PASSWORD_RULES: readonly Rule[] = [
  { text: '8 to 128 characters', isMet: secret => lengthOf(secret) >= 8 && lengthOf(secret) <= 128 },
  { text: 'an upper-case letter', isMet: secret => /\p{Lu}/u.test(secret) },
  { text: 'a lower-case letter', isMet: secret => /\p{Ll}/u.test(secret) },
  { text: 'a digit', isMet: secret => /\p{Nd}/u.test(secret) }
]
