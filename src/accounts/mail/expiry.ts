/**
 * Removes mails that expired before they could be sent. Runs even without an SMTP server, because mails may remain in the
 * outbox after the operator has removed SMTP_URL.
 */
import type { OutboxRepository } from '../../db/repositories/outbox.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'

export interface MailExpiryOptions {
  readonly outbox: Pick<OutboxRepository, 'removeExpired'>
  readonly clock: Clock
  readonly log: Log
}

const SWEEP_MS = 60_000

/** Starts to remove expired mails every minute. Returns a function that stops the timer. */
export const startMailExpiry = ({ outbox, clock, log }: MailExpiryOptions): (() => void) => {
  const removeExpired = async (): Promise<void> => {
    for (const { id, kind, attempts } of await outbox.removeExpired()) {
      log.warn({ mail_id: id, kind, attempts }, 'a mail expired before it could be sent')
    }
  }
  return clock.every(SWEEP_MS, () => {
    removeExpired().catch(err => log.warn({ err }, 'failed to remove expired mails; retrying'))
  })
}
