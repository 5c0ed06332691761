/** Stores mails in the outbox, in the transaction of the change that they report. worker.ts sends the mails. */
import type { Keyring } from '../../crypto/keyring.ts'
import type { Repositories } from '../../db/database.ts'
import type { MailKind } from './templates.ts'

/** A mail to one user. The worker looks up the address when it sends the mail, unless `params` contains `address`. */
export interface NewMail {
  readonly kind: MailKind
  readonly userId: number | null
  readonly params: Readonly<Record<string, string>>
  /** Time in milliseconds after which the mail is no longer sent. The default is a day. */
  readonly lifetimeMs?: number | undefined
  /**
   * The rate limit keys under which `enqueue` counts this mail. The default is one key that consists of the kind of the mail and
   * the id of the user, or no key if `userId` is null.
   */
  readonly countedFor?: readonly string[] | undefined
}

export interface Mail {
  /** False if mails can be neither sent nor printed. In this case, `enqueue` does nothing. */
  readonly isConfigured: boolean
  /**
   * Stores a mail with the repositories of a transaction. Returns false, and stores nothing, if `isConfigured` is false. Does
   * the same if three mails were already counted within an hour under one of the keys in `countedFor`, so that nobody can flood
   * a mailbox.
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

/** Counts a mail under each of its keys. Returns false if the count of any key is too high. */
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
