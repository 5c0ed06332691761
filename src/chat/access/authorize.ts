/**
 * Authorizes actions in rooms, and lets the host application edit messages before they are encrypted. If the host passes functions
 * for this, they decide. If one of them fails or takes longer than two seconds, the action is denied or the message is rejected.
 */

import type { Log } from '../../lib/logging.ts'
import { withholdMessage } from '../../lib/redact.ts'
import { withTimeout } from '../../lib/timeout.ts'
import { ChatError, ChatRejection } from '../../protocol/errors.ts'

/** An action in a room. */
export type Action = 'read' | 'post' | 'create'

/** The authenticated user who acts, and how long the authentication is valid. */
export interface Principal {
  readonly userId: number
  readonly username: string
  /** The host application's id of its user. Null for a user who registered with the chat. */
  readonly externalId?: string | null | undefined
  /** When the authentication expires: wall-clock time, in milliseconds since the epoch. */
  readonly expiresAt: number
  /** When the authentication began, in monotonic time. If the user is disconnected after that, it cannot be used to connect. */
  readonly askedAt?: number | undefined
}

/**
 * A user, as host applications receive it. `id` is the host's own id. For a user who registered with the chat, it is the chat's
 * id, a number as a string. If users can register with the chat, the host's own users (such as bots) should have ids that are not
 * numbers.
 */
export interface PublicUser {
  readonly id: string
  readonly name: string
}

/** An action that the host application allows or denies. */
export interface AccessRequest {
  readonly user: PublicUser
  /** The name of the room. */
  readonly room: string
  readonly action: Action
}

/** Returns whether the user may perform the action. A room that a user may not read looks to that user as if it did not exist. */
export type Authorize = (request: AccessRequest) => boolean | Promise<boolean>

/** A message before it is encrypted. Only `content` and `meta` may be changed. */
export interface MessageDraft {
  readonly room: string
  readonly user: PublicUser
  readonly content: string
  readonly meta?: Record<string, unknown> | undefined
  readonly nonce?: string | undefined
}

/**
 * Accepts a message (returns the same draft), edits it (returns another draft) or rejects it (throws a ChatRejection). It is called
 * again when a client repeats a message with the same nonce. If it then returns another result than the first time, the repeated
 * message is rejected with `nonce_reused`.
 */
export type BeforeMessage = (draft: MessageDraft) => MessageDraft | Promise<MessageDraft>

export interface AccessOptions {
  readonly authorize?: Authorize | undefined
  readonly beforeMessage?: BeforeMessage | undefined
  readonly log: Log
}

/** Authorizes actions and edits messages. */
export interface Access {
  /** Returns whether the principal may perform the action. Synchronous unless the host's function returns a promise. */
  may(principal: Principal, room: string, action: Action): boolean | Promise<boolean>
  /** Like `may`, but returns `undefined` if the host's function failed or timed out. `may` returns false then. */
  ask(principal: Principal, room: string, action: Action): boolean | Promise<boolean | undefined>
  /** True if the host application passes an `authorize` function. */
  readonly isDelegated: boolean
  /**
   * Calls the host's `beforeMessage`. Rejects with its ChatRejection, or with `unavailable` if it fails. Absent if the host
   * passes no such function.
   */
  readonly edit?: (draft: MessageDraft) => Promise<MessageDraft>
}

/** Timeout of the host's functions, in milliseconds. */
const HOST_TIMEOUT_MS = 2000

/** Creates the access checks. Without an `authorize` function, every authenticated user may do everything. */
export const createAccess = ({ authorize, beforeMessage, log }: AccessOptions): Access => {
  const ask: Access['ask'] = (principal, room, action) => {
    if (!authorize) return true
    const failed = (err: unknown): undefined => {
      log.error({ err, room, action }, 'authorize failed; access denied')
    }
    try {
      const result = authorize({ user: publicUserOf(principal), room, action })
      // Anything else is awaited, because it may be a promise of another realm or library.
      if (typeof result === 'boolean') return result
      return withTimeout(HOST_TIMEOUT_MS, 'authorize', Promise.resolve(result)).then(isTrue, failed)
    } catch (error) {
      return Promise.resolve(failed(error))
    }
  }
  return {
    ask,
    isDelegated: authorize !== undefined,
    may: (principal, room, action) => {
      const result = ask(principal, room, action)
      return typeof result === 'boolean' ? result : result.then(isTrue)
    },
    ...(beforeMessage ? { edit: draft => edit(beforeMessage, draft, log) } : {})
  }
}

/** Returns a user in the form that host applications receive. */
export const publicUserOf = ({ userId, username, externalId }: Principal): PublicUser => ({
  id: externalId ?? String(userId),
  name: username
})

const isTrue = (result: unknown): boolean => result === true

const edit = async (beforeMessage: BeforeMessage, draft: MessageDraft, log: Log): Promise<MessageDraft> => {
  try {
    const edited = await withTimeout(HOST_TIMEOUT_MS, 'beforeMessage', callHost(beforeMessage, draft))
    if (!isDraft(edited)) throw new TypeError('beforeMessage must return a draft, or throw.')
    return edited
  } catch (error) {
    if (error instanceof ChatRejection) throw error
    log.error({ err: error, room: draft.room }, 'beforeMessage failed; the message was rejected')
    throw new ChatError('unavailable', 'The message could not be checked. Send it again in a moment.', {
      retryAfterMs: 1000,
      cause: error
    })
  }
}

/** Calls `beforeMessage`. If it throws, removes the error's message before the error is logged, because it may quote the text. */
const callHost = async (beforeMessage: BeforeMessage, draft: MessageDraft): Promise<MessageDraft> => {
  try {
    return await beforeMessage(draft)
  } catch (error) {
    throw error instanceof ChatRejection ? error : withholdMessage(error)
  }
}

const isDraft = (edited: Partial<MessageDraft> | undefined): boolean =>
  typeof edited?.content === 'string' &&
  (edited.meta === undefined ||
    (typeof edited.meta === 'object' && edited.meta !== null && !Array.isArray(edited.meta)))

/** Calls `next` with a value, or with what a promise resolves to. Synchronous if the value is not a promise. */
export const whenKnown = <T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> =>
  value instanceof Promise ? value.then(next) : next(value)
