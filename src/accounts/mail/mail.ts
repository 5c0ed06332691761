/** Stores mails in the outbox, in the transaction of the change that they report. The worker of the outbox sends them. */
import type { Keyring } from '../../crypto/keyring.ts'
import type { Repositories } from '../../db/database.ts'
import type { MailKind } from './templates.ts'

/** A mail to one user. The worker looks up the address when it sends the mail, unless `params` contains `address`. */
export interface NewMail {
  readonly kind: MailKind
  readonly userId: number | null
  readonly params: Readonly<Record<string, string>>
  /** Time in milliseconds after which the mail is not sent anymore. The default is a day. */
  readonly lifetimeMs?: number | undefined
}

export interface Mail {
  /** False if no SMTP server is configured. Then `enqueue` does nothing. */
  readonly isConfigured: boolean
  /**
   * Stores a mail with the repositories of a transaction. Does nothing if the user was sent three mails of this kind within an
   * hour, so that nobody can flood a mailbox.
   */
  enqueue(repositories: Pick<Repositories, 'outbox' | 'rateLimits'>, mail: NewMail): Promise<void>
}

export interface MailOptions {
  readonly keyring: Keyring
  readonly isConfigured: boolean
  /** Called for each stored mail, before the commit. */
  readonly onStored?: (() => void) | undefined
}

const HOUR_MS = 60 * 60 * 1000
const DAY_MS = 24 * HOUR_MS
const MAX_PER_HOUR = 3

/** Counts a mail. Returns false if the user was sent too many mails of this kind. */
export const mayMail = async (
  { rateLimits }: Pick<Repositories, 'rateLimits'>,
  { kind, userId }: Pick<NewMail, 'kind' | 'userId'>
): Promise<boolean> => (await rateLimits.hit(`mail:${kind}:${userId}`, HOUR_MS)).current <= MAX_PER_HOUR

export const createMail = ({ keyring, isConfigured, onStored }: MailOptions): Mail => ({
  isConfigured,
  async enqueue(repositories, { kind, userId, params, lifetimeMs = DAY_MS }) {
    if (!isConfigured || (userId !== null && !(await mayMail(repositories, { kind, userId })))) return
    const { token, keyId } = keyring.encrypt(JSON.stringify(params))
    await repositories.outbox.add({ kind, userId, payload: token, keyId, lifetimeMs })
    onStored?.()
  }
})
