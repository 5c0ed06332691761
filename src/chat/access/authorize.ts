/**
 * Authorizes actions in rooms, and lets a host edit messages before they are encrypted. The host application's functions decide if
 * there are any; they get two seconds, and a failure or a timeout denies.
 */

import type { Log } from '../../lib/logging.ts'
import { withholdMessage } from '../../lib/redact.ts'
import { withTimeout } from '../../lib/timeout.ts'
import { ChatError, ChatRejection } from '../../protocol/errors.ts'

/** Names what can be done in a room. */
export type Action = 'read' | 'post' | 'create'

/** Describes the authenticated user who acts, and until when the authentication is valid. */
export interface Principal {
  readonly userId: number
  readonly username: string
  /** The id of a host application's user, as the host knows it; null for a user who registered here. */
  readonly externalId?: string | null | undefined
  /** Ends the authentication: milliseconds since the epoch, by the wall clock. */
  readonly expiresAt: number
  /** Starts the authentication, in monotonic time: a user who is disconnected after that may not connect with its result. */
  readonly askedAt?: number | undefined
}

/**
 * Describes a user to a host application: `id` is the host's own, or the chat's for a user who registered here. If users register
 * here, a host's own users (its bots) should have ids that are not numbers.
 */
export interface PublicUser {
  readonly id: string
  readonly name: string
}

/** Describes an action that a host application is to authorize. */
export interface AccessRequest {
  readonly user: PublicUser
  /** Names the room. */
  readonly room: string
  readonly action: Action
}

/** Decides whether a user may act. A room that a user may not read looks to that user as if it did not exist. */
export type Authorize = (request: AccessRequest) => boolean | Promise<boolean>

/** Describes a message before it is encrypted. Only `content` and `meta` may be changed. */
export interface MessageDraft {
  readonly room: string
  readonly user: PublicUser
  readonly content: string
  readonly meta?: Record<string, unknown> | undefined
  readonly nonce?: string | undefined
}

/**
 * Edits a message (returns another draft), accepts it (returns the same) or rejects it (throws a ChatRejection). It is called again
 * when a send is repeated, and must then return the same, or the repeated send is rejected with `nonce_reused`.
 */
export type BeforeMessage = (draft: MessageDraft) => MessageDraft | Promise<MessageDraft>

export interface AccessOptions {
  readonly authorize?: Authorize | undefined
  readonly beforeMessage?: BeforeMessage | undefined
  readonly log: Log
}

/** Authorizes actions and edits messages. */
export interface Access {
  /** Returns a boolean at once if no host has to be called, so that messages keep their order without waiting. */
  may(principal: Principal, room: string, action: Action): boolean | Promise<boolean>
  /** Returns the same, but `undefined` if the host's function failed or timed out, which `may` treats as a denial. */
  ask(principal: Principal, room: string, action: Action): boolean | Promise<boolean | undefined>
  /** Is true if a host application authorizes. */
  readonly isDelegated: boolean
  /** Calls `beforeMessage`; absent without one. Rejects with its ChatRejection, or with `unavailable` if it fails. */
  readonly edit?: (draft: MessageDraft) => Promise<MessageDraft>
}

/** Limits how long a host's function may take, in milliseconds. */
const HOST_TIMEOUT_MS = 2000

/** Creates it. Without a host application, every authenticated user may do everything. */
export const createAccess = ({ authorize, beforeMessage, log }: AccessOptions): Access => {
  const ask: Access['ask'] = (principal, room, action) => {
    if (!authorize) return true
    const failed = (err: unknown): undefined => {
      log.error({ err, room, action }, 'authorize failed; access denied')
    }
    try {
      const result = authorize({ user: publicUserOf(principal), room, action })
      // A thenable of another realm or library counts as a promise too.
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

/** Returns a user as host applications receive them. */
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

/** Calls the host's function. Removes the message of an error before it is logged, because it may quote the text. */
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

/** Calls `next` with a value, synchronously unless it is a promise. */
export const whenKnown = <T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> =>
  value instanceof Promise ? value.then(next) : next(value)
