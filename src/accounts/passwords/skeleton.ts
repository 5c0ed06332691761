/**
 * Reduces passwords to the words that people memorize, so that `P@ssw0rd!1` and `password` compare as equal. Used by
 * tools/common-passwords.ts to create the list of common passwords, and by common.ts to check new passwords.
 */

/** Maps characters to the letters that they replace. `1` may stand for `i` or `l`, so these two letters count as the same. */
const READ_AS: Readonly<Record<string, string>> = {
  '@': 'a',
  '0': 'o',
  '1': 'i',
  '3': 'e',
  '4': 'a',
  '5': 's',
  '7': 't',
  $: 's',
  l: 'i'
}

/** Returns a text in lower case. Replaces each character in `READ_AS` with its letter. */
export const readAsLetters = (text: string): string =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[@013457$l]/g, character => READ_AS[character] ?? character)

/** Maximum length of a word in the list of common passwords. */
const MAX_WORD = 20

/**
 * Returns the words that a password may be based on. Removes all, some or none of the digits and symbols at both ends, because
 * `Trustno1!` is based on the common password `trustno1`. Each word has the form that `readAsLetters` returns, and at most 20
 * characters. Returns no word if the password has no letter, or if the part from its first to its last letter has more than 20
 * characters.
 */
export function* wordsOf(password: string): Generator<string> {
  const characters = [...password.normalize('NFKC').toLowerCase()]
  const isLetter = (character: string): boolean => /\p{L}/u.test(character)
  const first = characters.findIndex(isLetter)
  const last = characters.findLastIndex(isLetter)
  if (first === -1 || last - first >= MAX_WORD) return
  const letters = characters.map(readAsLetters)
  for (let start = first; start >= Math.max(0, last + 1 - MAX_WORD); start--) {
    for (let end = last + 1; end <= Math.min(letters.length, start + MAX_WORD); end++) {
      yield letters.slice(start, end).join('')
    }
  }
}
