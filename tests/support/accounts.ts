/** Creates the functions for accounts on a database, without a server. */
import { type Accounts, type AccountsOptions, createAccounts } from '../../src/accounts/accounts.ts'
import type { AccountsContext } from '../../src/accounts/context.ts'
import type { PasswordLogin } from '../../src/accounts/login.ts'
import { createLookupKeys } from '../../src/accounts/lookup-keys.ts'
import { createMail } from '../../src/accounts/mail/mail.ts'
import { createPasswords } from '../../src/accounts/passwords.ts'
import { type AccessTokens, badToken } from '../../src/accounts/tokens/access-tokens.ts'
import { createTwoFactor } from '../../src/accounts/two-factor/two-factor.ts'
import { createKeyring } from '../../src/crypto/keyring.ts'
import type { ChatDatabase } from '../../src/db/database.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLog } from './memory-chat.ts'
import { ENCRYPTION_KEY } from './settings.ts'

export const accountsContext = (database: ChatDatabase, clock = systemClock): AccountsContext => {
  const keyring = createKeyring({ current: ENCRYPTION_KEY, now: clock.now })
  return {
    database,
    keyring,
    clock,
    log: silentLog,
    mail: createMail({ keyring, isConfigured: false }),
    lookupKeys: createLookupKeys({ repository: database.lookupKeys, keyring })
  }
}

/** Issues tokens that are not signed: the token of a user is the username. Verification rejects every token. */
export const unsignedTokens: AccessTokens = {
  lifetime: 1,
  issue: ({ username }) => ({ access_token: username, token_type: 'bearer', expires_in: 1 }),
  verify() {
    throw badToken()
  }
}

const DAY_MS = 24 * 60 * 60 * 1000

/** Creates the functions for accounts, with cheap hashes and tokens that are not signed. */
export const testAccounts = (database: ChatDatabase, options: Partial<AccountsOptions> = {}): Accounts => {
  const { context = accountsContext(database) } = options
  return createAccounts({
    context,
    passwords: createPasswords({ rounds: 4 }),
    tokens: unsignedTokens,
    lifetime: { idleMs: 14 * DAY_MS, maxMs: 90 * DAY_MS },
    legacySocketMs: 1000,
    twoFactor: createTwoFactor({ context, party: undefined, issuer: 'test' }),
    ...options
  })
}

/** Returns the login of a user whose client is unknown. */
export const loginOf = (username: string, password: string, options: PasswordLogin['options'] = {}): PasswordLogin => ({
  username,
  password,
  client: { address: 'unknown', agent: undefined },
  options
})
