/**
 * Configures fast-check with one seed for the whole run. vitest.config.ts chooses and prints the seed, so that a run that fails
 * or hangs can be repeated: `PROPERTY_SEED=… npx vitest run tests/…`.
 */
import fc from 'fast-check'

/** The seed of every property. */
export const SEED = Number(process.env.PROPERTY_SEED ?? 1)

// Disables shrinking, which can take longer than the test's timeout, so that a failure would look like a hang.
fc.configureGlobal({ seed: SEED, endOnFailure: true })

export default fc
