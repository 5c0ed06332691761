/** Defines the account on which a test performs a write, and the properties of a write that the test needs. */
import { Secret, TOTP } from 'otpauth'
import type { Accounts } from '../../../src/accounts/accounts.ts'
import type { AccountsContext } from '../../../src/accounts/context.ts'
import { createRequestDeletion } from '../../../src/accounts/deletion/request.ts'
import { hashToken, newToken } from '../../../src/accounts/mail/token.ts'
import { createPasswords } from '../../../src/accounts/passwords.ts'
import type { ChatDatabase } from '../../../src/db/database.ts'
import type { UserRecord } from '../../../src/db/repositories/users.ts'
import { loginOf, testAccounts } from '../../support/accounts.ts'
import type { PausePoint } from '../../support/paused-database.ts'

export const OLD = 'SecurePass123'
export const client = { address: '192.0.2.1', agent: 'test' }
export const weak = createPasswords({ rounds: 4 })
export const strong = createPasswords({ rounds: 5 })

/** An account, and functions that inspect and change the account. */
export interface Subject {
  readonly database: ChatDatabase
  /** The functions for accounts, without the pause between the check and the write. */
  readonly accounts: Accounts
  readonly user: UserRecord
  /** The session with which the user requests the action. */
  readonly sessionId: string
  /** Tokens of links for a new password. The action uses one, and a reset that runs in between uses the other. */
  readonly resetTokens: readonly [string, string]
  /** Runs a statement. `@` stands for the schema, and `$1` for the user's id. */
  sql<Row extends object>(text: string): Promise<Row[]>
  current(): Promise<UserRecord>
  isUsable(sessionId: string): Promise<boolean>
}

export interface Write {
  /** Completes the sentence "the write of …". */
  readonly name: string
  readonly pausedAt: PausePoint
  /** True if the write needs the session of the request, and so has no effect after that session has ended. */
  readonly isOfSession?: true
  /**
   * Events that cannot happen between the check and the write, so that the test omits them. For example, an event cannot happen
   * if it needs a row that the check has locked.
   */
  readonly excluded?: readonly string[]
  /** Events after which the write may take effect. They leave the session valid, and the write needs no password or passkey. */
  readonly allowed?: readonly string[]
  /** Prepares the account. Returns the action, which begins with the checks and ends with the write. */
  prepare(subject: Subject): Promise<(paused: Accounts) => Promise<unknown>>
  /** Returns whether the write took effect. `result` is what the action returned. */
  hasEffect(subject: Subject, result: unknown): Promise<boolean>
}

/** The names of the two events that are tested only with writes that need the session of the request. */
export const SESSION_END = 'the end of the session'
export const SAME_SESSION = 'a change of the password by the same session'

export const subjectOf = async (database: ChatDatabase, username: string): Promise<Subject> => {
  const accounts = testAccounts(database, { passwords: weak })
  const user = await database.users.create({ username, hashedPassword: await weak.hash(OLD) })
  const { sessionId } = await accounts.login(loginOf(username, OLD))
  const resetTokens: [string, string] = [newToken(), newToken()]
  for (const token of resetTokens) {
    const purpose = 'reset_password' as const
    // Both tokens have the same request time, because a token with a later request time replaces the earlier one.
    const times = { requestedAt: 1, lifetimeMs: 60_000 }
    await database.oneTimeTokens.issue({
      hash: hashToken(token),
      purpose,
      userId: user.id,
      addressHash: null,
      ...times
    })
  }
  const sql = <Row extends object>(text: string): Promise<Row[]> =>
    database.client.query<Row>(text.replaceAll('@', `"${database.schema}".`), text.includes('$1') ? [user.id] : [])
  const current = async () => (await database.users.findByIds([user.id])).get(user.id) ?? user
  // In this test, a session without refresh tokens lasts only two seconds. On a busy machine, the test takes longer.
  await sql(`update @sessions set expires_at = now() + interval '1 hour' where user_id = $1`)
  const isUsable = async (id: string) => {
    const [found] = await database.sessions.find([{ userId: user.id, sessionId: id }])
    return found?.user.status === 'active' && found.session?.generation === found.user.generation
  }
  return { database, accounts, user, sessionId, resetTokens, sql, current, isUsable }
}

export const codeOf = (secret: string, steps = 0): string =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * 30_000 })

/** Returns the user, the session and the client in the form in which routes pass them to the functions for accounts. */
export const actorOf = ({ user: { id, username, generation }, sessionId }: Subject) => ({
  user: { id, username, generation, sessionId },
  client
})

/** Returns the user in the form in which routes pass the user to a write that needs a proof of identity. */
export const ownerOf = ({ user: { id, generation }, sessionId }: Subject) => ({
  id,
  generation,
  sessionId,
  isProven: true
})

export const confirmTotp = async (subject: Subject): Promise<string> => {
  const { factors } = subject.accounts.twoFactor
  const { secret } = await factors.enrolTotp(actorOf(subject))
  await factors.confirmTotp(actorOf(subject), codeOf(secret))
  return secret
}

export const deletionOf = (context: AccountsContext) => createRequestDeletion({ context, erasesByDefault: false })

export const isRecorded = async ({ sql }: Subject, event: string): Promise<boolean> =>
  (await sql(`select from @audit where user_id = $1 and event = '${event}'`)).length > 0
