/** Lists the writes to logins, sessions, proofs of identity and passwords. */
import { loginOf } from '../../support/accounts.ts'
import { client, codeOf, confirmTotp, OLD, SAME_SESSION, type Subject, strong, type Write, weak } from './subject.ts'

const isStarted = (subject: Subject, result: unknown) => subject.isUsable((result as { sessionId: string }).sessionId)

const hasPassword = async (subject: Subject, password: string): Promise<boolean> =>
  (await weak.verify(password, (await subject.current()).hashedPassword)) !== 'none'

const NEW = 'OtherPass456'

export const LOGIN_WRITES: readonly Write[] = [
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
      return (await strong.verify(OLD, hashedPassword)) === 'current'
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
    // This session has no proof of identity, so it cannot change the password.
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
  }
]
