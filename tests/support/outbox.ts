/** Runs workers of the outbox on a database, without a service. */
import { expect, onTestFinished } from 'vitest'
import { createLookupKeys } from '../../src/accounts/lookup-keys.ts'
import { createComposer } from '../../src/accounts/mail/compose.ts'
import { startMailExpiry } from '../../src/accounts/mail/expiry.ts'
import { createMail, type NewMail } from '../../src/accounts/mail/mail.ts'
import { createSmtp } from '../../src/accounts/mail/smtp.ts'
import { createOutboxWorker, type WorkerLimits } from '../../src/accounts/mail/worker.ts'
import { createKeyring } from '../../src/crypto/keyring.ts'
import type { ChatDatabase } from '../../src/db/database.ts'
import { fakeClock } from './clock.ts'
import { ENCRYPTION_KEY } from './settings.ts'

const LINK_URL = 'https://chat.example.com/app'

/** Returns functions that store mails and start workers on a database. Workers use a fake clock. */
export const createOutbox = (database: ChatDatabase) => {
  const keyring = createKeyring({ current: ENCRYPTION_KEY, now: Date.now })
  const lookupKeys = createLookupKeys({ repository: database.lookupKeys, keyring })
  const mail = createMail({ keyring, isConfigured: true })
  const lines: object[] = []
  const write = (fields: object, message: string): void => void lines.push({ ...fields, message })
  const log = { debug: write, info: write, warn: write, error: write }
  return {
    keyring,
    lookupKeys,
    /** All log lines so far. */
    lines,
    /** Creates an active user with a verified address. */
    async person(username: string, address: string) {
      const user = await database.users.create({ username, hashedPassword: 'h' })
      const addressHash = await lookupKeys.hash('emails', address)
      const { token, keyId } = keyring.encrypt(address)
      await database.emails.setPending({ userId: user.id, address: token, keyId, addressHash })
      await database.emails.verify(user.id, addressHash)
      return user
    },
    enqueue: (mails: NewMail) => mail.enqueue(database, mails),
    /**
     * Starts a worker, which is stopped when the test ends. `poll` lets the worker read the outbox once. `sweep` lets a minute
     * pass, so that the job that removes expired mails runs once.
     */
    async work(url: string, limits: Partial<WorkerLimits> = {}) {
      const clock = fakeClock()
      const worker = createOutboxWorker({
        outbox: database.outbox,
        compose: createComposer({ database, keyring, lookupKeys, linkUrl: LINK_URL }),
        send: await createSmtp({ url, from: 'Chat <chat@example.com>' }),
        clock,
        log,
        limits
      })
      worker.start()
      const stopExpiry = startMailExpiry({ outbox: database.outbox, clock, log })
      onTestFinished(async () => {
        stopExpiry()
        worker.refuseWork()
        await worker.stop(0)
      })
      return { ...worker, poll: () => clock.advance(2000), sweep: () => clock.advance(60_000) }
    },
    /** Returns the number of mails that have not been sent. */
    async queued(): Promise<number> {
      const [row] = await database.client.query<{ count: number }>(
        `select count(*)::integer as count from "${database.schema}".outbox`
      )
      return row?.count ?? 0
    },
    /** Reads the outbox with a worker until it is empty. Doesn't wait for the delay after a failed attempt. */
    async drain({ poll }: { poll: () => void }): Promise<void> {
      await expect
        .poll(async () => {
          // If a mail is due within 60 s, makes it due now. For a mail that is being sent, `next_at` is the end of its lease.
          // This end is more than 60 s away, so no mail is sent twice.
          await database.client.query(
            `update "${database.schema}".outbox set next_at = clock_timestamp()
             where next_at < clock_timestamp() + interval '60 seconds'`
          )
          poll()
          return this.queued()
        })
        .toBe(0)
    }
  }
}
