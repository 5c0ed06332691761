/**
 * Configures fast-check with one seed for the whole run. vitest.config.ts chooses and prints the seed, so that a run that fails
 * or hangs can be repeated: `PROPERTY_SEED=… npx vitest run tests/…`.
 */
import fc from 'fast-check'

/** The seed of every property. */
export const SEED = Number(process.env.PROPERTY_SEED ?? 1)

// Disables shrinking, because shrinking can take longer than the timeout of the test. A failure would then look like a hang.
fc.configureGlobal({ seed: SEED, endOnFailure: true })

export default fc
