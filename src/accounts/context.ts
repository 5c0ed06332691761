/** Defines the objects that all parts of the accounts use. */
import type { Keyring } from '../crypto/keyring.ts'
import type { ChatDatabase } from '../db/database.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/logging.ts'
import type { LookupKeys } from './lookup-keys.ts'
import type { Mail } from './mail/mail.ts'

export interface AccountsContext {
  readonly database: ChatDatabase
  readonly keyring: Keyring
  readonly clock: Clock
  readonly log: Log
  readonly mail: Mail
  readonly lookupKeys: LookupKeys
}

/** The client of a request, for the audit log, rate limits and the list of sessions. */
export interface ClientInfo {
  /** The normalized network address, or `unknown`. */
  readonly address: string
  /** The `User-Agent` header, shortened. */
  readonly agent: string | undefined
}
