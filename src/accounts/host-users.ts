/** The users of a host application: it says who is calling, and each gets a chat user at first sight. */
import type { UserRecord } from '../db/repositories/users.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/logging.ts'
import { withholdMessage } from '../lib/redact.ts'
import { isVisible } from '../lib/text.ts'
import { withTimeout } from '../lib/timeout.ts'
import { ChatError } from '../protocol/errors.ts'
import { createUserLookup } from './user-lookup.ts'

/** A user as the host application passes them in. */
export interface HostUser {
  /** The host's own id, which never changes: 1-200 characters. A number is taken as its decimal digits. */
  readonly id: string | number
  /** The name that others see: 1-200 characters. */
  readonly name: string
  /** Until when the user counts as authenticated; one day by default. */
  readonly expiresAt?: Date | undefined
}

/** The parts of the users' repository in use. */
export interface HostUsersRepository {
  findByExternalIds(externalIds: readonly string[]): Promise<ReadonlyMap<string, UserRecord>>
  /** Stores a user of the host, or their new name. */
  admit(user: { externalId: string; username: string }): Promise<UserRecord>
}

export interface HostUsersOptions {
  readonly users: HostUsersRepository
  readonly log: Log
  readonly clock: Clock
}

/** A host's users. */
export interface HostUsers {
  /** The chat user of a person: made at first sight, renamed when the host's name changed. Throws a TypeError for a bad one. */
  admit(person: HostUser): Promise<UserRecord>
  /**
   * Who the host's function says is calling, with their chat user. Throws `not_logged_in` when it answers nobody or throws an
   * error with the status 401 or 403; `unavailable` when it fails otherwise, or is late: who can't be asked about is refused.
   */
  identify(ask: () => unknown): Promise<{ readonly user: UserRecord; readonly expiresAt: number | undefined }>
}

/** How long the host's function has, in milliseconds. */
const ANSWER_MS = 2000
const MAX_ID = 200
const MAX_NAME = 200

/** Makes them. */
export const createHostUsers = ({ users, log, clock }: HostUsersOptions): HostUsers => {
  const userByExternalId = createUserLookup(users.findByExternalIds, clock.monotonic)

  const admit: HostUsers['admit'] = async person => {
    const { externalId, username } = checked(person)
    const user = await userByExternalId(externalId)
    return user?.username === username ? user : users.admit({ externalId, username })
  }

  return {
    admit,
    async identify(ask) {
      let identity: HostUser | null | undefined
      try {
        identity = (await withTimeout(ANSWER_MS, 'authenticate', askHost(ask))) as typeof identity
        if (identity) checkedIdentity(identity)
      } catch (error) {
        if (isRefusal(error)) throw notLoggedIn()
        log.error({ err: error }, 'authenticate failed: the caller was refused')
        throw new ChatError('unavailable', 'It can not be told who you are right now. Try again in a moment.', {
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

const notLoggedIn = (): ChatError =>
  new ChatError('not_logged_in', 'You are not logged in. Log in with the application that this chat is part of.')

/** What it throws may quote a token, and is logged. */
const askHost = async <T>(ask: () => T): Promise<Awaited<T>> => {
  try {
    return await ask()
  } catch (error) {
    throw isRefusal(error) ? error : withholdMessage(error)
  }
}

const isRefusal = (error: unknown): boolean =>
  error instanceof Error && 'statusCode' in error && (error.statusCode === 401 || error.statusCode === 403)

// PostgreSQL has no NUL in a text; a lone surrogate would come back as another character.
const isText = (value: unknown, max: number): value is string =>
  typeof value === 'string' && isVisible(value) && value.length <= max && !value.includes('\u0000')

const checkedIdentity = (identity: HostUser): void => {
  checked(identity)
  const { expiresAt } = identity
  if (expiresAt !== undefined && !(expiresAt instanceof Date && Number.isFinite(expiresAt.getTime()))) {
    throw new TypeError('The expiresAt of a person must be a Date, or left out.')
  }
}

const checked = ({ id, name }: HostUser): { externalId: string; username: string } => {
  const externalId = typeof id === 'number' && Number.isSafeInteger(id) ? String(id) : id
  if (!isText(externalId, MAX_ID) || !externalId.isWellFormed()) {
    throw new TypeError(
      `The id of a person must be a string of 1-${MAX_ID} characters, one of them visible, or an integer.`
    )
  }
  if (!isText(name, MAX_NAME)) {
    throw new TypeError(`The name of a person must be a string of 1-${MAX_NAME} characters, one of them visible.`)
  }
  return { externalId, username: name.toWellFormed() }
}
