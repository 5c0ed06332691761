/** Sends the mails of the outbox. Several processes may run this worker at the same time. */
import type { LeasedMail, OutboxRepository } from '../../db/repositories/outbox.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/logging.ts'
import { withTimeout } from '../../lib/timeout.ts'
import type { Compose } from './compose.ts'
import { MailError, type SendMail } from './smtp.ts'

export interface OutboxWorkerOptions {
  readonly outbox: OutboxRepository
  readonly compose: Compose
  readonly send: SendMail
  readonly clock: Clock
  readonly log: Log
  readonly limits?: Partial<WorkerLimits>
}

export interface WorkerLimits {
  /** Maximum number of first attempts that are in progress at the same time. */
  readonly first: number
  /**
   * Maximum number of retries that are in progress at the same time. This limit is separate, so that retries do not delay new
   * mails.
   */
  readonly again: number
  /** Timeout in milliseconds for composing and sending a mail. */
  readonly deliveryMs: number
  /** The delay in milliseconds before the second attempt. It doubles with each further attempt, up to `maxDelayMs`. */
  readonly delayMs: number
  readonly maxDelayMs: number
}

export interface OutboxWorker {
  start(): void
  /** Reads the outbox after a short delay, because a new mail is about to be committed. */
  wake(): void
  /** Stops taking mails from the outbox. */
  refuseWork(): void
  /**
   * Waits for the mails that are being sent, and interrupts them after `graceMs`. Another process sends the interrupted mails.
   */
  stop(graceMs: number): Promise<void>
}

const LIMITS: WorkerLimits = { first: 6, again: 3, deliveryMs: 40_000, delayMs: 15_000, maxDelayMs: 30 * 60_000 }
/** Interval in milliseconds at which the outbox is read, because other processes may have stored mails or may have stopped. */
const POLL_MS = 2000
/** Delay in milliseconds between storing a mail and reading the outbox. The transaction has usually been committed by then. */
const WAKE_MS = 50
/** A lease lasts this many milliseconds longer than the timeout of a delivery, so that no other process sends the same mail. */
const LEASE_MARGIN_MS = 80_000

export const createOutboxWorker = (options: OutboxWorkerOptions): OutboxWorker => {
  const { outbox, compose, send, clock, log } = options
  const limits = { ...LIMITS, ...options.limits }
  const running = new Set<{
    readonly isFirst: boolean
    readonly controller: AbortController
    readonly done: Promise<void>
  }>()
  let stopPolling: (() => void) | undefined
  let isRefusing = false
  let looking: Promise<void> | undefined
  let mayHaveMore = false
  let wakeTimer: NodeJS.Timeout | undefined

  const count = (isFirst: boolean): number => [...running].filter(one => one.isFirst === isFirst).length

  const lease = async (): Promise<void> => {
    const first = limits.first - count(true)
    const again = limits.again - count(false)
    if (isRefusing || first + again === 0) return
    const mails = await outbox.lease({ first, again, leaseMs: limits.deliveryMs + LEASE_MARGIN_MS })
    for (const mail of mails) begin(mail)
  }

  /** Leases mails for the free slots. If an earlier call is still in progress, that call leases mails once more. */
  const look = (): void => {
    mayHaveMore = true
    looking ??= (async () => {
      while (mayHaveMore && !isRefusing) {
        mayHaveMore = false
        await lease()
      }
    })()
      .catch(err => {
        mayHaveMore = false
        log.warn({ err }, 'failed to read the outbox; retrying')
      })
      .finally(() => {
        looking = undefined
        // If `look` was called again after the loop ended, the loop must run again.
        if (mayHaveMore && !isRefusing) look()
      })
  }

  const begin = (mail: LeasedMail): void => {
    const controller = new AbortController()
    const one = { isFirst: mail.attempts <= 1, controller, done: deliver(mail, controller) }
    running.add(one)
    void one.done.finally(() => {
      running.delete(one)
      look()
    })
  }

  const attempt = async (mail: LeasedMail, signal: AbortSignal): Promise<void> => {
    const composed = await compose(mail)
    if (composed) await send(composed, signal)
    await outbox.remove(mail.id)
    log.info(
      { mail_id: mail.id, kind: mail.kind },
      composed ? 'a mail was sent' : 'a mail was dropped, because its recipient or its link is no longer valid'
    )
  }

  const deliver = async (mail: LeasedMail, controller: AbortController): Promise<void> => {
    try {
      await withTimeout(limits.deliveryMs, 'a mail', attempt(mail, controller.signal))
    } catch (error) {
      controller.abort()
      await settle(mail, error).catch(err =>
        log.warn({ err, mail_id: mail.id }, 'failed to update a mail in the outbox')
      )
    }
  }

  /** Removes a mail that was rejected, and schedules another attempt after any other failure. */
  const settle = async (mail: LeasedMail, error: unknown): Promise<void> => {
    const about = { mail_id: mail.id, kind: mail.kind, attempts: mail.attempts, ...describe(error) }
    if (error instanceof MailError && error.isPermanent) {
      log.warn(about, 'the SMTP server rejected a mail; it is not sent again')
      return outbox.remove(mail.id)
    }
    if (isRefusing) return outbox.retry(mail, 0)
    log.warn(about, 'failed to send a mail; retrying later')
    return outbox.retry(mail, delayOf(mail.attempts, limits))
  }

  return {
    start() {
      stopPolling ??= clock.every(POLL_MS, look)
      look()
    },
    wake() {
      if (isRefusing) return
      wakeTimer ??= setTimeout(() => {
        wakeTimer = undefined
        look()
      }, WAKE_MS).unref()
    },
    refuseWork() {
      isRefusing = true
      clearTimeout(wakeTimer)
      stopPolling?.()
    },
    async stop(graceMs) {
      isRefusing = true
      await looking
      const ended = Promise.all([...running].map(({ done }) => done))
      await withTimeout(graceMs, 'the mails being sent', ended).catch(() => {})
      for (const { controller } of running) controller.abort()
      await ended
    }
  }
}

/**
 * Returns the delay before the next attempt. The delay has jitter, so that mails that failed together are not retried all at
 * once.
 */
const delayOf = (attempts: number, { delayMs, maxDelayMs }: WorkerLimits): number =>
  Math.min(delayMs * 2 ** (attempts - 1), maxDelayMs) * (0.75 + Math.random() / 2)

/**
 * Returns the properties of a failure that may be logged. The response of an SMTP server is omitted, because it may contain the
 * address.
 */
const describe = (error: unknown): object =>
  error instanceof MailError ? { code: error.code, response_code: error.responseCode } : { err: error }
