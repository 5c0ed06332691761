/** Stores mails in the outbox, in the transaction of the change that they report. The worker of the outbox sends them. */
import type { Keyring } from '../../crypto/keyring.ts'
import type { Repositories } from '../../db/database.ts'

/** A mail to one user. The worker looks up the address when it sends the mail, unless `params` contains one. */
export interface NewMail {
  readonly kind: string
  readonly userId: number | null
  readonly params: Readonly<Record<string, string>>
  /** Time in milliseconds after which the mail is not sent anymore. The default is a day. */
  readonly lifetimeMs?: number | undefined
}

export interface Mail {
  /** False if no SMTP server is configured. Then `enqueue` does nothing. */
  readonly isConfigured: boolean
  /** Stores a mail with the repositories of a transaction. */
  enqueue(repositories: Pick<Repositories, 'outbox'>, mail: NewMail): Promise<void>
}

const DAY_MS = 24 * 60 * 60 * 1000

export const createMail = (keyring: Keyring, isConfigured: boolean): Mail => ({
  isConfigured,
  async enqueue({ outbox }, { kind, userId, params, lifetimeMs = DAY_MS }) {
    if (!isConfigured) return
    const { token, keyId } = keyring.encrypt(JSON.stringify(params))
    await outbox.add({ kind, userId, payload: token, keyId, lifetimeMs })
  }
})
