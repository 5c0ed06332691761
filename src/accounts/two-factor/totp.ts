/**
 * Creates the secrets of authenticator apps, and checks their codes (TOTP, RFC 6238). A code has six digits, uses SHA-1, and
 * changes every 30 seconds.
 */
import { Secret, TOTP } from 'otpauth'

const PERIOD_S = 30
/** The number of time steps by which the clock of the app may differ from the clock of the service. */
const DRIFT_STEPS = 1

/** A new secret. */
export interface TotpEnrolment {
  /** The secret in base32, for apps that cannot scan a QR code. */
  readonly secret: string
  /** The `otpauth://` URI of the QR code. */
  readonly uri: string
}

/** Creates a secret of 160 bits, the length that RFC 4226 recommends. The app displays `issuer` and `username`. */
export const createTotpSecret = (issuer: string, username: string): TotpEnrolment => {
  const totp = new TOTP({ issuer, label: username, secret: new Secret({ size: 20 }), period: PERIOD_S })
  return { secret: totp.secret.base32, uri: totp.toString() }
}

/** Returns the digits of a code that a user typed, or undefined if the text cannot be a code of an authenticator app. */
export const parseTotpCode = (text: string): string | undefined => {
  const digits = text.replace(/[\s-]/g, '')
  return /^\d{6}$/.test(digits) ? digits : undefined
}

/**
 * Returns the time step of a code, or undefined if the code is not valid at this time. `now` is in milliseconds since the epoch.
 */
export const stepOfCode = (secret: string, code: string, now: number): number | undefined => {
  const totp = new TOTP({ secret: Secret.fromBase32(secret), period: PERIOD_S })
  const delta = totp.validate({ token: code, timestamp: now, window: DRIFT_STEPS })
  return delta === null ? undefined : Math.floor(now / 1000 / PERIOD_S) + delta
}
