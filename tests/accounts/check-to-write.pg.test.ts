/**
 * Tests that every write to an account checks again what the request has checked before. Between the check and the write, the
 * tests change or reset the password, suspend or delete the user, or end the session. The write must then have no effect. Add a
 * row to `WRITES` for each new write.
 */
import { Secret, TOTP } from 'otpauth'
import { expect, test } from 'vitest'
import type { Accounts } from '../../src/accounts/accounts.ts'
import { createInvitations } from '../../src/accounts/admin/invitations.ts'
import type { AccountsContext } from '../../src/accounts/context.ts'
import { createRequestDeletion } from '../../src/accounts/deletion/request.ts'
import { createExports } from '../../src/accounts/export/export.ts'
import { createMail } from '../../src/accounts/mail/mail.ts'
import { hashToken, newToken } from '../../src/accounts/mail/token.ts'
import { createPasswords } from '../../src/accounts/passwords.ts'
import type { PasskeyResponse } from '../../src/accounts/two-factor/relying-party.ts'
import { loadTwoFactor } from '../../src/accounts/two-factor/two-factor.ts'
import type { ChatDatabase } from '../../src/db/database.ts'
import type { UserRecord } from '../../src/db/repositories/users.ts'
import { ChatError } from '../../src/protocol/errors.ts'
import { accountsContext, loginOf, testAccounts } from '../support/accounts.ts'
import { createAuthenticator } from '../support/authenticator.ts'
import { testDatabase } from '../support/database.ts'
import { type PausePoint, pausedDatabase } from '../support/paused-database.ts'

const OLD = 'SecurePass123'
const client = { address: '192.0.2.1', agent: 'test' }
const weak = createPasswords({ rounds: 4 })
const strong = createPasswords({ rounds: 5 })

/** An account, and functions to inspect it and to change it. */
interface Subject {
  readonly database: ChatDatabase
  /** The same accounts, but without the pause between the check and the write. */
  readonly accounts: Accounts
  readonly user: UserRecord
  /** The session of the user that requests the action. */
  readonly sessionId: string
  /** Tokens of links for a new password. The action uses one, and a reset that runs in between uses the other. */
  readonly resetTokens: readonly [string, string]
  /** Runs a statement. `@` stands for the schema, and `$1` for the user's id. */
  sql<Row extends object>(text: string): Promise<Row[]>
  current(): Promise<UserRecord>
  isUsable(sessionId: string): Promise<boolean>
}

interface Write {
  /** Completes the sentence "the write of …". */
  readonly name: string
  readonly pausedAt: PausePoint
  /** True if the write needs the session of the request. Such a write has no effect if that session ends. */
  readonly isOfSession?: true
  /** Events that cannot happen between the check and the write, because they wait for a row that the check locks. */
  readonly excluded?: readonly string[]
  /** Prepares the account. Returns the action, which begins with the checks and ends with the write. */
  prepare(subject: Subject): Promise<(paused: Accounts) => Promise<unknown>>
  /** Returns whether the write took effect. `result` is what the action returned. */
  hasEffect(subject: Subject, result: unknown): Promise<boolean>
}

const codeOf = (secret: string, steps = 0): string =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * 30_000 })

/** Returns the user of a session, as the routes pass it to the accounts. */
const actorOf = ({ user: { id, username, generation }, sessionId }: Subject) => ({
  user: { id, username, generation, sessionId },
  client
})

const confirmTotp = async (subject: Subject): Promise<string> => {
  const { factors } = subject.accounts.twoFactor
  const { secret } = await factors.enrolTotp(actorOf(subject))
  await factors.confirmTotp(actorOf(subject), codeOf(secret))
  return secret
}

const ORIGIN = 'https://chat.example.com'

/** Returns the passkeys of accounts for a service with a host name. */
const withPasskeys = async ({ context }: Accounts) =>
  (await loadTwoFactor(context, { publicUrl: ORIGIN, passkeys: true })).passkeys

const OUTBOX = 'select from @outbox where user_id = $1'

/** Like `actorOf`, but for a write that needs a proof. */
const ownerOf = ({ user: { id, generation }, sessionId }: Subject) => ({ id, generation, sessionId, isProven: true })

/** Returns an administrator, as the routes pass it to the accounts. Makes the user and another user administrators. */
const adminOf = async ({ database, user, sessionId, sql }: Subject) => {
  const root = await database.users.create({ username: `root${user.id}`, hashedPassword: null })
  await sql(`update @users set role = 'admin' where id in ($1, ${root.id})`)
  const other = await database.users.create({ username: `other${user.id}`, hashedPassword: null })
  return { actor: { userId: user.id, generation: user.generation, sessionId, client }, other }
}

const addPasskey = async (subject: Subject) => {
  const passkeys = await withPasskeys(subject.accounts)
  const { challenge, options } = await passkeys.startAdding(actorOf(subject))
  const response = createAuthenticator(ORIGIN).create(options) as PasskeyResponse
  return passkeys.add(actorOf(subject), { challenge, response, name: 'Laptop' })
}

const deletionOf = (context: AccountsContext) => createRequestDeletion({ context, erasesByDefault: false })

/** Returns the exports of accounts. Ignores the error of an export that cannot be ended. */
const exportsOf = ({ context }: Accounts) => createExports({ ...context, onFailure: () => {} })

const exportAll = async (paused: Accounts, { user: { id: userId, generation }, sessionId }: Subject) => {
  const { lines, end } = await exportsOf(paused).begin({ userId, generation, sessionId })
  try {
    for await (const _ of lines);
  } catch (error) {
    // The response has begun before the error, so it contains no problem document.
    throw new ChatError('invalid_token', String(error))
  } finally {
    end()
  }
}

const isRecorded = async ({ sql }: Subject, event: string): Promise<boolean> =>
  (await sql(`select from @audit where user_id = $1 and event = '${event}'`)).length > 0

const isStarted = (subject: Subject, result: unknown) => subject.isUsable((result as { sessionId: string }).sessionId)

const hasPassword = async (subject: Subject, password: string): Promise<boolean> =>
  weak.verify(password, (await subject.current()).hashedPassword)

const NEW = 'OtherPass456'

/** Events that concern only a write that needs the session of the request. */
const SESSION_END = 'the end of the session'
const SAME_SESSION = 'a change of the password by the same session'

const WRITES: readonly Write[] = [
  {
    name: 'the session of a login',
    pausedAt: 'sessions.start',
    prepare:
      async ({ user }) =>
      paused =>
        paused.login(loginOf(user.username, OLD)),
    hasEffect: isStarted
  },
  {
    name: 'the session of a login with a second factor',
    pausedAt: 'sessions.start',
    async prepare(subject) {
      const secret = await confirmTotp(subject)
      const login = await subject.accounts.login(loginOf(subject.user.username, OLD)).catch(error => error)
      return async paused => {
        const { user, options } = await paused.twoFactor.continueLogin(client, login.extra.challenge, codeOf(secret, 1))
        return paused.startSession(user, { client, options })
      }
    },
    hasEffect: isStarted
  },
  {
    name: 'a renewed hash',
    pausedAt: 'users.renewPasswordHash',
    prepare:
      async ({ user }) =>
      paused =>
        paused.login(loginOf(user.username, OLD)),
    async hasEffect(subject) {
      const { hashedPassword } = await subject.current()
      return Boolean(hashedPassword && !strong.needsRehash(hashedPassword, OLD) && (await hasPassword(subject, OLD)))
    }
  },
  {
    name: 'a refresh token',
    pausedAt: 'refreshTokens.rotate',
    excluded: ['a deletion'],
    async prepare({ accounts, user, sql }) {
      const started = await accounts.login(loginOf(user.username, OLD, { session: true }))
      await sql(`update @sessions set rotated_at = rotated_at - interval '1 minute' where user_id = $1`)
      return paused => paused.sessions.refresh({ token: started.refresh?.token ?? '', isCookie: false, client })
    },
    hasEffect: isStarted
  },
  {
    name: 'a proof',
    pausedAt: 'sessions.prove',
    isOfSession: true,
    // Excluded, because a change of the password needs a proof, and this session has none.
    excluded: [SAME_SESSION],
    async prepare({ user, sessionId, sql }) {
      await sql(`update @sessions set proven_at = null where user_id = $1`)
      return paused => paused.proofs.prove({ userId: user.id, sessionId, password: OLD, client })
    },
    hasEffect: async ({ database, user, sessionId }) =>
      (await database.sessions.provenGeneration(user.id, sessionId)) !== undefined
  },
  {
    name: 'a changed password',
    pausedAt: 'passwords.change',
    isOfSession: true,
    prepare:
      async ({ user: { id: userId, username, generation }, sessionId }) =>
      paused =>
        paused.passwordChanges.change({ userId, username, generation, sessionId }, NEW, client),
    hasEffect: subject => hasPassword(subject, NEW)
  },
  {
    name: 'a password that is reset',
    pausedAt: 'transaction',
    prepare:
      async ({ resetTokens: [token] }) =>
      paused =>
        paused.passwordChanges.reset(token, NEW, client),
    hasEffect: subject => hasPassword(subject, NEW)
  },
  {
    name: 'an e-mail address',
    pausedAt: 'transaction',
    isOfSession: true,
    prepare: async subject => paused => paused.emails.enter(ownerOf(subject), 'new@example.com', client),
    hasEffect: async ({ database, user }) => (await database.emails.listOf(user.id)).length > 0
  },
  {
    name: 'a confirmed e-mail address',
    pausedAt: 'transaction',
    async prepare({ database, user }) {
      const addressHash = `hash-${user.id}`
      await database.emails.setPending({ userId: user.id, address: '', keyId: '', addressHash })
      const [token, lifetimeMs] = [newToken(), 60_000]
      const link = {
        hash: hashToken(token),
        purpose: 'verify_email',
        userId: user.id,
        addressHash,
        lifetimeMs
      } as const
      await database.oneTimeTokens.issue(link)
      return paused => paused.emails.verify(token, client)
    },
    hasEffect: async ({ database, user }) =>
      (await database.emails.listOf(user.id)).some(({ state }) => state === 'verified')
  },
  {
    name: 'another link to confirm an e-mail address',
    pausedAt: 'transaction',
    async prepare({ database, user: { id: userId, generation } }) {
      await database.emails.setPending({ userId, address: '', keyId: '', addressHash: `hash-${userId}` })
      const challenge = newToken()
      const purpose = 'verify_email'
      const times = { data: null, lifetimeMs: 60_000 }
      await database.challenges.create({ hash: hashToken(challenge), purpose, userId, generation, ...times })
      return paused => paused.emails.resend(challenge, undefined, client)
    },
    hasEffect: async ({ sql }) => (await sql(`${OUTBOX} and kind = 'verify_email'`)).length > 0
  },
  {
    name: 'a removed e-mail address',
    pausedAt: 'transaction',
    isOfSession: true,
    async prepare(subject) {
      const { database, user } = subject
      await database.emails.setPending({ userId: user.id, address: '', keyId: '', addressHash: `hash-${user.id}` })
      return paused => paused.emails.remove(ownerOf(subject), client)
    },
    hasEffect: async ({ database, user }) => (await database.emails.listOf(user.id)).length === 0
  },
  {
    name: 'a new secret of an authenticator app',
    pausedAt: 'users.lockActive',
    isOfSession: true,
    prepare: async subject => paused => paused.twoFactor.factors.enrolTotp(actorOf(subject)),
    hasEffect: async ({ database, user }) => (await database.totp.find(user.id)) !== undefined
  },
  {
    name: 'a confirmed authenticator app',
    pausedAt: 'users.lockActive',
    isOfSession: true,
    async prepare(subject) {
      const { secret } = await subject.accounts.twoFactor.factors.enrolTotp(actorOf(subject))
      return paused => paused.twoFactor.factors.confirmTotp(actorOf(subject), codeOf(secret))
    },
    hasEffect: async ({ database, user }) => (await database.totp.find(user.id))?.isConfirmed === true
  },
  {
    name: 'new recovery codes',
    pausedAt: 'users.lockActive',
    isOfSession: true,
    async prepare(subject) {
      await confirmTotp(subject)
      await subject.sql(`update @recovery_codes set hash = 'earlier' where user_id = $1`)
      return paused => paused.twoFactor.factors.renewRecoveryCodes(actorOf(subject))
    },
    hasEffect: async ({ sql }) =>
      (await sql(`select from @recovery_codes where user_id = $1 and hash <> 'earlier'`)).length > 0
  },
  {
    name: 'a recovery code that continues a login',
    pausedAt: 'users.lockActive',
    async prepare(subject) {
      const { factors } = subject.accounts.twoFactor
      const { secret } = await factors.enrolTotp(actorOf(subject))
      const [code = ''] = await factors.confirmTotp(actorOf(subject), codeOf(secret))
      const login = await subject.accounts.login(loginOf(subject.user.username, OLD)).catch(error => error)
      return paused => paused.twoFactor.continueLogin(client, login.extra.challenge, code)
    },
    hasEffect: async ({ sql }) =>
      (await sql('select from @recovery_codes where user_id = $1 and used_at is not null')).length > 0
  },
  {
    name: 'a removed authenticator app',
    pausedAt: 'users.lockActive',
    isOfSession: true,
    async prepare(subject) {
      await confirmTotp(subject)
      return paused => paused.twoFactor.factors.removeTotp(actorOf(subject))
    },
    hasEffect: async ({ database, user }) => (await database.totp.find(user.id)) === undefined
  },
  {
    name: 'a code that a proof uses',
    pausedAt: 'users.lockActive',
    async prepare(subject) {
      const secret = await confirmTotp(subject)
      const { user, sql } = subject
      await sql('update @totp set last_step = 0 where user_id = $1')
      return paused => paused.twoFactor.requireCode({ user, client }, codeOf(secret))
    },
    hasEffect: async ({ sql }) => (await sql('select from @totp where user_id = $1 and last_step > 0')).length > 0
  },
  {
    name: 'a removed passkey',
    pausedAt: 'users.lockActive',
    isOfSession: true,
    async prepare(subject) {
      const { publicId } = await addPasskey(subject)
      return async paused => (await withPasskeys(paused)).remove(actorOf(subject), publicId)
    },
    hasEffect: async ({ database, user }) => (await database.passkeys.list(user.id)).length === 0
  },
  {
    name: 'an added passkey',
    pausedAt: 'users.lockActive',
    isOfSession: true,
    async prepare(subject) {
      const { challenge, options } = await (await withPasskeys(subject.accounts)).startAdding(actorOf(subject))
      const response = createAuthenticator(ORIGIN).create(options) as PasskeyResponse
      return async paused => (await withPasskeys(paused)).add(actorOf(subject), { challenge, response, name: 'Laptop' })
    },
    hasEffect: async ({ database, user }) => (await database.passkeys.list(user.id)).length > 0
  },
  {
    name: 'a display name',
    pausedAt: 'users.setDisplayName',
    prepare:
      async ({ user }) =>
      async paused => {
        if (!(await paused.context.database.users.setDisplayName(user, 'John')))
          throw new ChatError('invalid_token', '')
      },
    hasEffect: async subject => (await subject.current()).displayName === 'John'
  },
  {
    name: 'the end of another session',
    pausedAt: 'transaction',
    isOfSession: true,
    async prepare(subject) {
      const { sessionId } = await subject.accounts.login(loginOf(subject.user.username, OLD))
      return paused => paused.sessions.endOther(ownerOf(subject), sessionId, client)
    },
    hasEffect: subject => isRecorded(subject, 'session_ended')
  },
  {
    name: 'the end of all sessions',
    pausedAt: 'transaction',
    isOfSession: true,
    prepare: async subject => paused => paused.sessions.endAll(ownerOf(subject), client),
    hasEffect: subject => isRecorded(subject, 'logout_all')
  },
  {
    name: 'the deletion of the own account',
    pausedAt: 'transaction',
    isOfSession: true,
    prepare: async subject => paused =>
      deletionOf(paused.context)(subject.user.id, { erase: true, by: { ...ownerOf(subject), client } }),
    hasEffect: async ({ sql }) => (await sql('select from @deletions where user_id = $1 and is_erased')).length > 0
  },
  {
    name: 'the beginning of an export',
    pausedAt: 'exports.begin',
    isOfSession: true,
    prepare: async subject => paused => exportAll(paused, subject),
    hasEffect: async ({ sql }) => (await sql('select from @exports where user_id = $1')).length > 0
  },
  {
    name: 'a complete export',
    pausedAt: 'exports.complete',
    isOfSession: true,
    prepare: async subject => paused => exportAll(paused, subject),
    hasEffect: async ({ sql }) =>
      (await sql('select from @exports where user_id = $1 and completed_at is not null')).length > 0
  },
  {
    name: 'a role that an administrator gives',
    pausedAt: 'transaction',
    isOfSession: true,
    async prepare(subject) {
      const { actor, other } = await adminOf(subject)
      return paused => paused.administration.change(actor, other.id, { role: 'admin' })
    },
    hasEffect: async ({ sql, user }) =>
      (await sql(`select from @users where role = 'admin' and username = 'other${user.id}'`)).length > 0
  },
  {
    name: 'a deletion by an administrator',
    pausedAt: 'transaction',
    isOfSession: true,
    async prepare(subject) {
      const { actor, other } = await adminOf(subject)
      return paused => deletionOf(paused.context)(other.id, { by: actor })
    },
    hasEffect: async ({ sql, user }) =>
      (await sql(`select from @users where status = 'deleting' and username = 'other${user.id}'`)).length > 0
  },
  {
    name: 'an invitation by an administrator',
    pausedAt: 'transaction',
    isOfSession: true,
    async prepare(subject) {
      const { actor } = await adminOf(subject)
      await subject.sql(`delete from @one_time_tokens where purpose = 'invite'`)
      return paused => createInvitations(paused.context, 'invite').create(actor, 60_000)
    },
    hasEffect: async ({ sql }) => (await sql(`select from @one_time_tokens where purpose = 'invite'`)).length > 0
  }
]

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
  // Keeps the session, but gives it a new generation.
  [SAME_SESSION]: ({ accounts, user: { id: userId, username, generation }, sessionId }) =>
    accounts.passwordChanges.change({ userId, username, generation, sessionId }, 'ThirdPass789', client),
  [SESSION_END]: ({ database, user, sessionId }) => database.sessions.end(user.id, sessionId)
}

const subjectOf = async (database: ChatDatabase, username: string): Promise<Subject> => {
  const accounts = testAccounts(database, { passwords: weak })
  const user = await database.users.create({ username, hashedPassword: await weak.hash(OLD) })
  const { sessionId } = await accounts.login(loginOf(username, OLD))
  const resetTokens: [string, string] = [newToken(), newToken()]
  for (const token of resetTokens) {
    const purpose = 'reset_password' as const
    // Both tokens have the same time of request. Otherwise, the later one would replace the other.
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
  // A session without refresh tokens ends after two seconds here. On a busy machine, it would end during the test.
  await sql(`update @sessions set expires_at = now() + interval '1 hour' where user_id = $1`)
  const isUsable = async (id: string) => {
    const [found] = await database.sessions.find([{ userId: user.id, sessionId: id }])
    return found?.user.status === 'active' && found.session?.generation === found.user.generation
  }
  return { database, accounts, user, sessionId, resetTokens, sql, current, isUsable }
}

/** Returns a context in which mails are stored. */
const mailingContext = (database: ChatDatabase): AccountsContext => {
  const context = accountsContext(database)
  return { ...context, mail: createMail({ keyring: context.keyring, isConfigured: true }) }
}

test.for(WRITES.map(write => [write.name, write] as const))(
  'the write of %s has no effect if the account changes after the check',
  async ([, { pausedAt, isOfSession, excluded = [], prepare, hasEffect }]) => {
    const database = await testDatabase()
    const effects: Record<string, boolean> = {}
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
      if (event === 'nothing') expect(result).not.toBeInstanceOf(Error)
      else expect({ event, result }).toEqual({ event, result: expect.any(ChatError) })
      effects[event] = !(result instanceof Error && pausedAt === 'sessions.start') && (await hasEffect(subject, result))
    }
    expect(effects).toEqual(Object.fromEntries(events.map(([event]) => [event, event === 'nothing'])))
  }
)
