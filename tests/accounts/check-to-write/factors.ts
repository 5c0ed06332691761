/** Lists the writes to second factors. */
import type { Accounts } from '../../../src/accounts/accounts.ts'
import type { PasskeyResponse } from '../../../src/accounts/two-factor/relying-party.ts'
import { loadTwoFactor } from '../../../src/accounts/two-factor/two-factor.ts'
import { loginOf } from '../../support/accounts.ts'
import { createAuthenticator } from '../../support/authenticator.ts'
import { actorOf, client, codeOf, confirmTotp, OLD, type Subject, type Write } from './subject.ts'

const ORIGIN = 'https://chat.example.com'

/** Loads the passkey functions of a service whose public URL has a host name. */
const withPasskeys = async ({ context }: Accounts) =>
  (await loadTwoFactor(context, { publicUrl: ORIGIN, passkeys: true })).passkeys

const addPasskey = async (subject: Subject) => {
  const passkeys = await withPasskeys(subject.accounts)
  const { challenge, options } = await passkeys.startAdding(actorOf(subject))
  const response = createAuthenticator(ORIGIN).create(options) as PasskeyResponse
  return passkeys.add(actorOf(subject), { challenge, response, name: 'Laptop' })
}

export const FACTOR_WRITES: readonly Write[] = [
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
  }
]
