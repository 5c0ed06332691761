/**
 * Configures fast-check with one seed for the whole run. vitest.config.ts chooses and prints the seed, so that a run that fails
 * or hangs can be repeated: `PROPERTY_SEED=… npx vitest run tests/…`.
 */
import fc from 'fast-check'

/** The seed of every property. */
export const SEED = Number(process.env.PROPERTY_SEED ?? 1)

// Disables shrinking, because shrinking can take longer than the timeout of the test. A failure would then look like a hang.
fc.configureGlobal({ seed: SEED, endOnFailure: true })

const SURROGATES = { first: 0xd800, count: 0x800 }

/**
 * Generates any code point that is not a surrogate, as `fc.string({ unit: 'binary' })` does, but without its table of all code
 * points, which takes a second of CPU time in each process.
 */
export const codePoint = fc.integer({ min: 0, max: 0x10ffff - SURROGATES.count }).map(
  at => String.fromCodePoint(at < SURROGATES.first ? at : at + SURROGATES.count),
  // Without this function, fast-check omits the texts that often reveal bugs, such as `__proto__`.
  character => {
    const [first = '', ...others] = String(character)
    const code = first.codePointAt(0)
    if (code === undefined || others.length > 0) throw new TypeError('Not a single code point.')
    return code < SURROGATES.first ? code : code - SURROGATES.count
  }
)

export default fc
