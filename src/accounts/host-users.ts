/** Identifies the users of a host application and creates a chat user for each of them on first use. */
import type { UserRecord } from '../db/repositories/users.ts'
import type { Clock } from '../lib/clock.ts'
import { errorStatus } from '../lib/error-status.ts'
import type { Log } from '../lib/logging.ts'
import { withholdMessage } from '../lib/redact.ts'
import { inOneLine, isVisible } from '../lib/text.ts'
import { withTimeout } from '../lib/timeout.ts'
import { ChatError } from '../protocol/errors.ts'
import { suspended } from './login.ts'
import { createUserLookup } from './user-lookup.ts'

/** A user in the form that the host application passes to the chat. */
export interface HostUser {
  /**
   * The user's id in the host application, which must never change. A string of 1-200 characters, or an integer, which is
   * stored as decimal digits.
   */
  readonly id: string | number
  /**
   * The name that others see: 1-200 characters, at least one of them visible. Control characters and line separators are stored
   * as spaces, and Unicode's Bidi_Control characters are removed.
   */
  readonly name: string
  /** Expiry of the authentication. The default is one day after the authentication. */
  readonly expiresAt?: Date | undefined
}

/** The methods of the user repository that `HostUsers` calls. */
export interface HostUsersRepository {
  findByExternalIds(externalIds: readonly string[]): Promise<ReadonlyMap<string, UserRecord>>
  /** Creates the chat user of a host user, or updates the name of the existing chat user. */
  admit(user: { externalId: string; username: string }): Promise<UserRecord>
}

export interface HostUsersOptions {
  readonly users: HostUsersRepository
  readonly log: Log
  readonly clock: Clock
}

/** Maps host users to chat users. */
export interface HostUsers {
  /**
   * Returns the chat user of a host user. Creates the chat user on first use, and updates its name if the name has changed.
   * Throws a TypeError if the host user is invalid, and `account_suspended` or `account_deleted` if the account was suspended or
   * deleted.
   */
  admit(person: HostUser): Promise<UserRecord>
  /**
   * Calls the host's `authenticate`, and returns the chat user of its result. Throws `not_logged_in` if `authenticate` returns
   * no user or an expired user, or throws an error with the `statusCode` 401, and `not_allowed` for 403. Rethrows a 4xx error of
   * `authenticate` whose `expose` is true. Throws `unavailable` if `authenticate` returns an invalid user, throws any other error,
   * or times out. Throws `account_suspended` or `account_deleted` in the same cases as `admit`.
   */
  identify(authenticate: () => unknown): Promise<{ readonly user: UserRecord; readonly expiresAt: number | undefined }>
  /** Throws `account_suspended` or `account_deleted` if the account was suspended or deleted since the user was identified. */
  recheck(user: { readonly externalId?: string | null | undefined }): Promise<void>
}

/** Timeout in milliseconds of the host's `authenticate`. */
const AUTHENTICATE_TIMEOUT_MS = 2000
const MAX_ID = 200
const MAX_NAME = 200

export const createHostUsers = ({ users, log, clock }: HostUsersOptions): HostUsers => {
  const userByExternalId = createUserLookup(users.findByExternalIds, clock.monotonic)

  const admit: HostUsers['admit'] = async person => {
    const { externalId, username } = checked(person)
    const known = await userByExternalId(externalId)
    if (known) refuseEnded(known)
    if (known?.username === username) return known
    const user = await users.admit({ externalId, username })
    refuseEnded(user)
    return user
  }

  return {
    admit,
    async recheck({ externalId }) {
      const user = externalId == null ? undefined : await userByExternalId(externalId)
      if (!user) throw ended()
      refuseEnded(user)
    },
    async identify(authenticate) {
      let identity: HostUser | null | undefined
      try {
        identity = (await withTimeout(
          AUTHENTICATE_TIMEOUT_MS,
          'authenticate',
          callHost(authenticate)
        )) as typeof identity
        if (identity) checkedIdentity(identity)
      } catch (error) {
        if (isForClient(error)) throw error
        const refusal = refusalOf(error)
        if (refusal) throw refusal
        log.error({ err: error }, 'authenticate failed; the caller was rejected')
        throw new ChatError('unavailable', 'Your login cannot be checked right now. Try again in a moment.', {
          retryAfterMs: 1000,
          cause: error
        })
      }
      const expiresAt = identity?.expiresAt?.getTime()
      if (!identity || (expiresAt !== undefined && expiresAt <= clock.now())) throw notLoggedIn()
      return { user: await admit(identity), expiresAt }
    }
  }
}

/** Rejects users whom the host application has suspended or deleted. */
const refuseEnded = ({ status }: UserRecord): void => {
  if (status === 'suspended') throw suspended()
  if (status !== 'active') throw ended()
}

const ended = (): ChatError => new ChatError('account_deleted', 'Your account in this chat was deleted.')

const notLoggedIn = (): ChatError =>
  new ChatError('not_logged_in', 'You are not logged in. Log in with the application that this chat is part of.')

/**
 * Calls the host's `authenticate`. Redacts an error that will be logged, because its message may quote a token. An error for
 * the client is not logged, and stays unchanged.
 */
const callHost = async <T>(authenticate: () => T): Promise<Awaited<T>> => {
  try {
    return await authenticate()
  } catch (error) {
    throw isForClient(error) || refusalOf(error) ? error : withholdMessage(error)
  }
}

/**
 * Returns whether the host created an error for the client: a 4xx error whose `expose` is true, as `http-errors` and
 * @fastify/sensible create it. Errors of HTTP clients may have a 4xx status too, but it is that of another service's response.
 */
const isForClient = (error: unknown): boolean =>
  error instanceof Error && 'expose' in error && error.expose === true && (errorStatus(error) ?? 500) < 500

/** Returns the error for the client if `authenticate` threw an error with the `statusCode` 401 or 403. */
const refusalOf = (error: unknown): ChatError | undefined => {
  const statusCode = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
  if (statusCode === 401) return notLoggedIn()
  if (statusCode !== 403) return undefined
  return new ChatError('not_allowed', 'The application that this chat is part of does not allow you to use it.')
}

/** Returns whether an id can be stored. PostgreSQL cannot store a NUL character, and would store U+FFFD for a lone surrogate. */
const isId = (id: unknown): id is string =>
  typeof id === 'string' && isVisible(id) && id.length <= MAX_ID && !id.includes('\u0000') && id.isWellFormed()

const checkedIdentity = (identity: HostUser): void => {
  checked(identity)
  const { expiresAt } = identity
  if (expiresAt !== undefined && !(expiresAt instanceof Date && Number.isFinite(expiresAt.getTime()))) {
    throw new TypeError('The expiresAt of a host user is not a valid Date. Return a Date, or omit expiresAt.')
  }
}

/** Returns the values to store. Throws a TypeError if they are invalid. */
const checked = ({ id, name }: HostUser): { externalId: string; username: string } => {
  const externalId = typeof id === 'number' && Number.isSafeInteger(id) ? String(id) : id
  if (!isId(externalId)) {
    throw new TypeError(
      `The id of a host user must be a safe integer, or a string of 1-${MAX_ID} characters. The string must contain ` +
        'at least one visible character, and no NUL characters or lone surrogates.'
    )
  }
  const username = typeof name === 'string' && name.length <= MAX_NAME ? inOneLine(name.toWellFormed()) : ''
  if (!isVisible(username)) {
    throw new TypeError(
      `The name of a host user must be a string of 1-${MAX_NAME} characters, and at least one of them must be visible.`
    )
  }
  return { externalId, username }
}
