/** Checks whether a password is common, a variation of a common password, or little more than a name. */
import { COMMON_WORDS } from './common-words.ts'
import { readAsLetters, wordsOf } from './skeleton.ts'

/**
 * Returns whether a password is common. Ignores case, and digits and symbols at both ends. Reads characters such as `0` and `@`
 * as the letters that they replace.
 */
export const isCommon = (password: string): boolean => {
  for (const word of wordsOf(password)) if (isListed(word)) return true
  return false
}

/** Finds a word with a binary search in the sorted text, so that the list needs no memory in addition to that text. */
const isListed = (word: string): boolean => {
  let low = 0
  let high = COMMON_WORDS.length
  while (low < high) {
    const middle = (low + high) >> 1
    const start = COMMON_WORDS.lastIndexOf('\n', middle - 1) + 1
    const end = COMMON_WORDS.indexOf('\n', start)
    const found = COMMON_WORDS.slice(start, end)
    if (found === word) return true
    if (found < word) low = end + 1
    else high = start
  }
  return false
}

/** Minimum number of characters that a password must have in addition to a name. */
const MIN_BESIDE_NAME = 4

const withoutSeparators = (text: string): string => readAsLetters(text).replace(/[-_.\s]/g, '')

/** Returns whether a password contains one of the names and fewer than four other characters. Separators are ignored. */
export const isMostlyName = (password: string, names: readonly string[]): boolean => {
  const written = withoutSeparators(password)
  return names.some(name => {
    const plain = withoutSeparators(name)
    return plain !== '' && written.includes(plain) && [...written].length - [...plain].length < MIN_BESIDE_NAME
  })
}
