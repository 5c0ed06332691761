/**
 * Provides settings for tests: fixed keys, cheap password hashes, and no limits on registrations, logins, new connections and
 * the delay of the event loop.
 */
import { resolveSettings } from '../../src/config/resolve.ts'
import type { Settings } from '../../src/config/settings.ts'

export const SECRET_KEY = 'test-secret-0123456789-abcdefghijklmnop'
export const ENCRYPTION_KEY = 'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4='

/** Returns validated settings. `changed` replaces individual values, and is not validated. */
export const testSettings = (changed: Partial<Settings> = {}): Settings => ({
  ...resolveSettings({
    values: {
      databaseUrl: 'pglite:unused',
      migrateOnStart: false,
      secretKey: SECRET_KEY,
      encryptionKey: ENCRYPTION_KEY,
      bcryptRounds: 4,
      registerRateLimit: 0,
      loginRateLimit: 0,
      connectRate: 0,
      maxLoopDelayMs: 0,
      logLevel: 'debug'
    },
    mode: 'dev',
    names: 'options'
  }).settings,
  ...changed
})
