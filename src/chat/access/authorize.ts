/**
 * Authorizes actions in rooms, and lets the host application edit or reject messages before they are encrypted. An action is
 * denied if the host's `authorize` fails or times out. A message is rejected if the host's `beforeMessage` fails or times out.
 */

import type { Log } from '../../lib/logging.ts'
import { withholdMessage } from '../../lib/redact.ts'
import { withTimeout } from '../../lib/timeout.ts'
import { ChatError, ChatRejection } from '../../protocol/errors.ts'

/**
 * An action of a user: `read` a room, `post` in a room, `create` a room, `moderate` a room (mute, ban and remove users), `manage`
 * a room (change its properties and its roles, delete it), or `invite` others to a room.
 */
export type Action = 'read' | 'post' | 'create' | FinerAction

/** An action for which `authorize` is called only if `authorizeActions` contains it. */
export type FinerAction = (typeof FINER_ACTIONS)[number]

export const FINER_ACTIONS = ['moderate', 'manage', 'invite'] as const

/** The authenticated user who acts, and how long the authentication is valid. */
export interface Principal {
  readonly userId: number
  readonly username: string
  /** The user's id in the host application. Null for a user who registered with the chat. */
  readonly externalId?: string | null | undefined
  /** Expiry of the authentication, in milliseconds since the epoch (wall clock). */
  readonly expiresAt: number
  /**
   * The monotonic time in milliseconds at which the authentication began. If the user is disconnected after that time, no
   * connection may be opened for this principal.
   */
  readonly askedAt?: number | undefined
  /** The session of the user. Null or absent if a host application authenticates the users. */
  readonly sessionId?: string | null | undefined
  /**
   * The generation of the session when the user was authenticated. When all sessions of a user are revoked, the generation of
   * the user is raised. If the user's generation is now higher than this value, revoked-sessions.ts determines whether the
   * principal is still valid.
   */
  readonly generation?: number | undefined
}

/**
 * A user in the form that host applications receive. `id` is the user's id in the host application. For a user who registered
 * with the chat, `id` is the chat's numeric id as a string. If users can register with the chat, the host should not use
 * numbers as ids of its own users (such as bots), because then two users could have the same id.
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

/**
 * Returns whether the user may perform the action. If the user may not read a room, the service responds as if the room did not
 * exist.
 */
export type Authorize = (request: AccessRequest) => boolean | Promise<boolean>

/** A message before it is encrypted. `beforeMessage` may change only `content` and `meta`; other changes are ignored. */
export interface MessageDraft {
  readonly room: string
  readonly user: PublicUser
  readonly content: string
  readonly meta?: Record<string, unknown> | undefined
  readonly nonce?: string | undefined
  /** The `seq` of the message that this draft edits. Absent for a new message. */
  readonly edits?: number | undefined
}

/**
 * Accepts a message (returns the draft unchanged), edits it (returns another draft) or rejects it (throws a ChatRejection).
 * Called again when a client sends a message again with the same nonce. If the second result differs from the first, the
 * message is rejected with `nonce_reused`.
 */
export type BeforeMessage = (draft: MessageDraft) => MessageDraft | Promise<MessageDraft>

export interface AccessOptions {
  readonly authorize?: Authorize | undefined
  /**
   * The actions of `FinerAction` for which `authorize` is called. The default is none. An `authorize` function that does not
   * know these actions could otherwise allow them to everybody.
   */
  readonly authorizeActions?: readonly FinerAction[] | undefined
  readonly beforeMessage?: BeforeMessage | undefined
  readonly log: Log
}

/** Authorizes actions and edits messages. */
export interface Access {
  /**
   * Returns whether the principal may perform the action. Synchronous if the host's `authorize` returns a boolean or is not
   * called.
   */
  may(principal: Principal, room: string, action: Action): boolean | Promise<boolean>
  /** Like `may`, but resolves to `undefined`, and not to false, if the host's `authorize` fails or times out. */
  ask(principal: Principal, room: string, action: Action): boolean | Promise<boolean | undefined>
  /** Returns whether the host's `authorize` is called for an action. If not, `may` returns true. */
  asks(action: Action): boolean
  /** True if the host application passes an `authorize` function. */
  readonly isDelegated: boolean
  /**
   * Calls the host's `beforeMessage`. Rejects with the ChatRejection that `beforeMessage` throws. Rejects with `unavailable` if
   * `beforeMessage` fails, times out, or does not return a valid draft. Absent if the host passes no `beforeMessage`.
   */
  readonly edit?: (draft: MessageDraft) => Promise<MessageDraft>
}

/** Timeout in milliseconds of `authorize` and `beforeMessage`. */
const HOST_TIMEOUT_MS = 2000

/** Creates the access checks. Without an `authorize` function, every authenticated user may do everything. */
export const createAccess = ({ authorize, authorizeActions = [], beforeMessage, log }: AccessOptions): Access => {
  const unlisted: readonly Action[] = FINER_ACTIONS.filter(action => !authorizeActions.includes(action))
  const asks: Access['asks'] = action => authorize !== undefined && !unlisted.includes(action)
  const ask: Access['ask'] = (principal, room, action) => {
    if (!authorize || !asks(action)) return true
    const failed = (err: unknown): undefined => {
      log.error({ err, room, action }, 'authorize failed; the action was not authorized')
    }
    try {
      const result = authorize({ user: publicUserOf(principal), room, action })
      // Treats any result that is not a boolean as a promise. `instanceof Promise` is not used, because it would miss promises
      // of other implementations.
      if (typeof result === 'boolean') return result
      return withTimeout(HOST_TIMEOUT_MS, 'authorize', Promise.resolve(result)).then(isTrue, failed)
    } catch (error) {
      return Promise.resolve(failed(error))
    }
  }
  return {
    ask,
    asks,
    isDelegated: authorize !== undefined,
    may: (principal, room, action) => {
      const result = ask(principal, room, action)
      return typeof result === 'boolean' ? result : result.then(isTrue)
    },
    ...(beforeMessage ? { edit: draft => edit(beforeMessage, draft, log) } : {})
  }
}

export const publicUserOf = ({ userId, username, externalId }: Principal): PublicUser => ({
  id: externalId ?? String(userId),
  name: username
})

const isTrue = (result: unknown): boolean => result === true

const edit = async (beforeMessage: BeforeMessage, draft: MessageDraft, log: Log): Promise<MessageDraft> => {
  try {
    const edited = await withTimeout(HOST_TIMEOUT_MS, 'beforeMessage', callHost(beforeMessage, draft))
    if (!isDraft(edited))
      throw new TypeError(
        'beforeMessage returned a value that is not a message draft. Return a draft, or throw a ChatRejection.'
      )
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

/**
 * Calls `beforeMessage`. Redacts an error that is not a ChatRejection, because the error is logged and its message may quote
 * the text of the chat message.
 */
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
