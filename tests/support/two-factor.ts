/** Sets up the authenticator app of a test user, and logs in with its codes. */
import { Secret, TOTP } from 'otpauth'
import { expect } from 'vitest'
import { PASSWORD, type Person, type RunningChat } from './start-chat.ts'

/** Time in milliseconds for which an authenticator app shows a code. */
export const STEP_MS = 30_000

/** Returns the code that an authenticator app shows at a time. */
export const codeAt = (secret: string, ms: number): string =>
  new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: ms })

export interface Enrolled {
  readonly secret: string
  readonly recoveryCodes: string[]
}

/** Sets up an authenticator app. `now` is the time of the service's clock. */
export const enrol = async ({ call }: RunningChat, { token }: Person, now: number): Promise<Enrolled> => {
  const started = await call('POST', '/api/auth/totp', { token })
  expect(started.status).toBe(200)
  const { secret } = started.body
  const { body } = await call('POST', '/api/auth/totp/confirm', { token, body: { code: codeAt(secret, now) } })
  return { secret, recoveryCodes: body.recovery_codes }
}

/** Logs in with a password, and returns the response. */
export const enterPassword = ({ call }: RunningChat, username: string, options = {}) =>
  call('POST', '/api/auth/login', { body: { username, password: PASSWORD, ...options } })

/** Returns the challenge of a login that needs a second factor. */
export const challengeOf = async (chat: RunningChat, username: string): Promise<string> => {
  const { body } = await enterPassword(chat, username)
  expect(body).toMatchObject({ code: 'second_factor_required' })
  return body.challenge
}

/** Continues a login with a code. */
export const enterCode = ({ call }: RunningChat, challenge: string, code: string) =>
  call('POST', '/api/auth/totp/login', { body: { challenge, code } })
