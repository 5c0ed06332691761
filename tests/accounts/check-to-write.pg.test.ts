/**
 * Tests that every write to an account repeats the checks of its request. Between the check and the write, the tests change or
 * reset the password, suspend or delete the user, or end the session. The write must then have no effect, unless its row allows
 * the event. For each new write, add a row to a file in check-to-write/.
 */
import { expect, test } from 'vitest'
import type { AccountsContext } from '../../src/accounts/context.ts'
import { createMail } from '../../src/accounts/mail/mail.ts'
import { newToken } from '../../src/accounts/mail/token.ts'
import type { ChatDatabase } from '../../src/db/database.ts'
import { ChatError } from '../../src/protocol/errors.ts'
import { accountsContext, testAccounts } from '../support/accounts.ts'
import { testDatabase } from '../support/database.ts'
import { pausedDatabase } from '../support/paused-database.ts'
import { ACCOUNT_WRITES } from './check-to-write/accounts.ts'
import { ADDRESS_WRITES } from './check-to-write/addresses.ts'
import { FACTOR_WRITES } from './check-to-write/factors.ts'
import { LOGIN_WRITES } from './check-to-write/logins.ts'
import {
  client,
  deletionOf,
  SAME_SESSION,
  SESSION_END,
  type Subject,
  strong,
  subjectOf
} from './check-to-write/subject.ts'

const WRITES = [...LOGIN_WRITES, ...ADDRESS_WRITES, ...FACTOR_WRITES, ...ACCOUNT_WRITES]

/** The events that happen to the account between the check and the write. */
const EVENTS: Readonly<Record<string, (subject: Subject) => Promise<unknown>>> = {
  nothing: async () => {},
  async 'a change of the password'({ accounts, user: { id: userId, username, generation }, sql }) {
    const sessionId = newToken()
    await sql(`insert into @sessions (id, user_id, generation, expires_at, proven_at)
      select '${sessionId}', id, generation, now() + interval '1 hour', now() from @users where id = $1`)
    await accounts.passwordChanges.change({ userId, username, generation, sessionId }, 'ThirdPass789', client)
  },
  'a reset of the password': ({ accounts, resetTokens: [, token] }) =>
    accounts.passwordChanges.reset(token, 'ThirdPass789', client),
  'a suspension': ({ accounts, user }) => accounts.administration.change('operator', user.id, { status: 'suspended' }),
  'a deletion': ({ accounts, user }) => deletionOf(accounts.context)(user.id, { by: 'operator' }),
  // A change of the password raises the user's `generation`. The session that changes the password gets the new `generation`,
  // so it stays valid.
  [SAME_SESSION]: ({ accounts, user: { id: userId, username, generation }, sessionId }) =>
    accounts.passwordChanges.change({ userId, username, generation, sessionId }, 'ThirdPass789', client),
  [SESSION_END]: ({ database, user, sessionId }) => database.sessions.end(user.id, sessionId)
}

/** Returns a context in which mails are stored. */
const mailingContext = (database: ChatDatabase): AccountsContext => {
  const context = accountsContext(database)
  return { ...context, mail: createMail({ keyring: context.keyring, isConfigured: true }) }
}

test.for(WRITES.map(write => [write.name, write] as const))(
  'the write of %s has no effect if the account changes after the check',
  async ([, { pausedAt, isOfSession, excluded = [], allowed = [], prepare, hasEffect }]) => {
    const database = await testDatabase()
    const effects: Record<string, boolean> = {}
    const isExpected = (event: string): boolean => event === 'nothing' || allowed.includes(event)
    const events = Object.entries(EVENTS).filter(
      ([event]) => !excluded.includes(event) && (isOfSession || (event !== SESSION_END && event !== SAME_SESSION))
    )
    for (const [at, [event, happen]] of events.entries()) {
      const subject = await subjectOf(database, `john${at}`)
      const act = await prepare(subject)
      let isReached = false
      const paused = pausedDatabase(database, pausedAt, async () => {
        isReached = true
        await happen(subject)
      })
      const context = mailingContext(paused)
      const result = await act(testAccounts(paused, { context, passwords: strong })).catch(error => error)
      expect({ event, isReached }).toEqual({ event, isReached: true })
      if (isExpected(event)) expect(result).not.toBeInstanceOf(Error)
      else expect({ event, result }).toEqual({ event, result: expect.any(ChatError) })
      effects[event] = !(result instanceof Error && pausedAt === 'sessions.start') && (await hasEffect(subject, result))
    }
    expect(effects).toEqual(Object.fromEntries(events.map(([event]) => [event, isExpected(event)])))
  }
)
