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
  /** What the mail counts for. The default is its kind and user. */
  readonly countedFor?: readonly string[] | undefined
}

export interface Mail {
  /** False if no SMTP server is configured. Then `enqueue` does nothing. */
  readonly isConfigured: boolean
  /**
   * Stores a mail with the repositories of a transaction. Returns false, and stores nothing, if no SMTP server is configured, or if
   * three mails within an hour counted for the same user and kind, or `countedFor`, so that nobody can flood a mailbox.
   */
  enqueue(repositories: Pick<Repositories, 'outbox' | 'rateLimits'>, mail: NewMail): Promise<boolean>
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

/** Counts a mail. Returns false if too many mails counted for the same. */
export const mayMail = async (
  { rateLimits }: Pick<Repositories, 'rateLimits'>,
  { kind, userId, countedFor }: Pick<NewMail, 'kind' | 'userId' | 'countedFor'>
): Promise<boolean> => {
  let highest = 0
  for (const subject of countedFor ?? (userId === null ? [] : [`${kind}:${userId}`])) {
    highest = Math.max(highest, (await rateLimits.hit(`mail:${subject}`, HOUR_MS)).current)
  }
  return highest <= MAX_PER_HOUR
}

export const createMail = ({ keyring, isConfigured, onStored }: MailOptions): Mail => ({
  isConfigured,
  async enqueue(repositories, mail) {
    const { kind, userId, params, lifetimeMs = DAY_MS } = mail
    if (!isConfigured || !(await mayMail(repositories, mail))) return false
    const { token, keyId } = keyring.encrypt(JSON.stringify(params))
    await repositories.outbox.add({ kind, userId, payload: token, keyId, lifetimeMs })
    onStored?.()
    return true
  }
})
