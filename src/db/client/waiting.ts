/** Waits for the database when the service starts. */
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../../lib/clock.ts'
import { redactText } from '../../lib/redact.ts'
import { codesOf, mayRetry } from './errors.ts'
import type { SqlClient } from './types.ts'

export interface WaitOptions {
  /** Timeout in seconds. */
  readonly seconds: number
  /** Called once, after the first failed attempt. */
  readonly onRetry?: () => void
}

const MAX_DELAY_MS = 2000

/**
 * Resolves when the database responds. Retries with growing delays after an error that may be temporary, for example if the
 * server cannot be reached or is starting up. Rejects after `seconds`, or immediately after any other error, such as a wrong
 * password. The error names the database and quotes the server's message, if any.
 */
export const waitForDatabase = async (client: SqlClient, { seconds, onRetry }: WaitOptions): Promise<void> => {
  const deadline = systemClock.monotonic() + seconds * 1000
  for (let pause = 100; ; pause = Math.min(2 * pause, MAX_DELAY_MS)) {
    const failure = await tryOnce(client, deadline)
    if (!failure) return
    // The failure is not set as the cause, because a driver's error may contain connection details.
    if (!mayRetry(failure)) throw new Error(`Cannot connect to the database at ${client.where} ${reasonOf(failure)}`)
    if (systemClock.monotonic() + pause > deadline) throw new Error(timeoutMessage(client.where, seconds, failure))
    if (pause === 100) onRetry?.()
    await delay(pause)
  }
}

/**
 * Sends a query and returns its error, if any. Returns an `ETIMEDOUT` error if there is no response before the deadline. Waits
 * at least one second, even if the deadline is earlier.
 */
const tryOnce = async (client: SqlClient, deadline: number): Promise<unknown> => {
  const silence = new AbortController()
  const timeout = delay(Math.max(1000, deadline - systemClock.monotonic()), 'silent', { signal: silence.signal })
  timeout.catch(() => {})
  try {
    const first = await Promise.race([client.query('select 1'), timeout])
    return first === 'silent' ? Object.assign(new Error('silent'), { code: 'ETIMEDOUT' }) : undefined
  } catch (error) {
    return error
  } finally {
    silence.abort()
  }
}

const UNKNOWN_AUTHORITY =
  "the authority that signed the server's certificate is not trusted. Set DATABASE_CA to the certificate of that authority"

/** Maps the code of a certificate error to an explanation with advice, because Node's message contains no advice. */
const CERTIFICATE_REASONS: Readonly<Record<string, string>> = {
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  CERT_HAS_EXPIRED: "the server's certificate has expired. Renew it on the server",
  CERT_NOT_YET_VALID: "the server's certificate is not valid yet. Check the clocks",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "the server's certificate is for another host name. Use a host name that is in the certificate, or set DATABASE_CA and DATABASE_SSL=verify-ca to verify only its authority"
}

const codeOf = (failure: unknown): string => codesOf(failure)[0] ?? 'no code'

/** Returns the code and the reason of a failure, for example `(3D000): database "chat" does not exist.` */
const reasonOf = (failure: unknown): string => {
  const code = codeOf(failure)
  const text = failure instanceof Error ? redactText(failure.message) : 'no reason given'
  return `(${code}): ${(CERTIFICATE_REASONS[code] ?? text).replace(/\.$/, '')}.${encryptionAdvice(text)}`
}

/** Returns advice if the server's message mentions that the rejected connection was not encrypted. */
const encryptionAdvice = (text: string): string =>
  /no encryption|SSL off/.test(text) ? ' If the server requires encryption, set DATABASE_SSL=require.' : ''

const timeoutMessage = (where: string, seconds: number, failure: unknown): string => {
  // Only an error from a server or a pooler has these fields. A pooler may send only one of the two fields.
  if (failure instanceof Error && ('severity' in failure || 'severity_local' in failure)) {
    return `The database at ${where} did not accept a connection within ${seconds} seconds ${reasonOf(failure)}`
  }
  const advice = 'Check that the database is running, and check DATABASE_HOST and DATABASE_PORT (or DATABASE_URL).'
  return `No database responded at ${where} within ${seconds} seconds (${codeOf(failure)}). ${advice}`
}
