/**
 * The one place that asks who may do what in a room, and what becomes of a message before it is sealed. The answers are the
 * host application's, where there is one: its functions get two seconds, and what fails or is late is a no.
 */

import type { Log } from '../../lib/logging.ts'
import { withholdMessage } from '../../lib/redact.ts'
import { withTimeout } from '../../lib/timeout.ts'
import { ChatError, ChatRejection } from '../../protocol/errors.ts'

/** What can be done in a room. */
export type Action = 'read' | 'post' | 'create'

/** Who acts: an authenticated user, and until when. */
export interface Principal {
  readonly userId: number
  readonly username: string
  /** The id of a host application's user, as the host knows it; null for a user who registered here. */
  readonly externalId?: string | null | undefined
  /** When the authentication expires: milliseconds since the epoch, by the wall clock. */
  readonly expiresAt: number
  /** When authentication began, in monotonic time: a user who was disconnected after that may not connect with the result. */
  readonly askedAt?: number | undefined
}

/**
 * A person as a host application is told of them: `id` is the host's own, or the chat's for one who registered here. Where
 * people register here, a host's own (its bots) should have ids that are no numbers.
 */
export interface PublicUser {
  readonly id: string
  readonly name: string
}

/** What a host is asked before anything is done in a room. */
export interface AccessRequest {
  readonly user: PublicUser
  /** The room's name. */
  readonly room: string
  readonly action: Action
}

/** Decides who may do what. Who may not read is told that there is no such room. */
export type Authorize = (request: AccessRequest) => boolean | Promise<boolean>

/** A message before it is sealed. Only `content` and `meta` may be changed. */
export interface MessageDraft {
  readonly room: string
  readonly user: PublicUser
  readonly content: string
  readonly meta?: Record<string, unknown> | undefined
  readonly nonce?: string | undefined
}

/**
 * Edits a message (answers another draft), lets it pass (answers the same) or refuses it (throws a ChatRejection). A send
 * that is repeated is asked about again: the answer must be the same, or the repeat is refused with `nonce_reused`.
 */
export type BeforeMessage = (draft: MessageDraft) => MessageDraft | Promise<MessageDraft>

export interface AccessOptions {
  readonly authorize?: Authorize | undefined
  readonly beforeMessage?: BeforeMessage | undefined
  readonly log: Log
}

/** What the chat asks. */
export interface Access {
  /** Answers at once where nobody has to be asked, so that messages keep their order without waiting. */
  may(principal: Principal, room: string, action: Action): boolean | Promise<boolean>
  /** The same, but `undefined` when the host's function failed or was late; `may` takes that for a no. */
  ask(principal: Principal, room: string, action: Action): boolean | Promise<boolean | undefined>
  /** Whether there is a host to ask. */
  readonly isDelegated: boolean
  /** Absent where nobody edits. Rejects with the ChatRejection, or `unavailable` when the host fails to answer. */
  readonly edit?: (draft: MessageDraft) => Promise<MessageDraft>
}

/** How long a host's function has, in milliseconds. */
const ANSWER_MS = 2000

/** Makes it. Without a host everyone who is logged in may do everything. */
export const createAccess = ({ authorize, beforeMessage, log }: AccessOptions): Access => {
  const ask: Access['ask'] = (principal, room, action) => {
    if (!authorize) return true
    const failed = (err: unknown): undefined => {
      log.error({ err, room, action }, 'authorize failed: taken as a no')
    }
    try {
      const answer = authorize({ user: publicUserOf(principal), room, action })
      // A thenable of another realm or library is a promise too.
      if (typeof answer === 'boolean') return answer
      return withTimeout(ANSWER_MS, 'authorize', Promise.resolve(answer)).then(isYes, failed)
    } catch (error) {
      return Promise.resolve(failed(error))
    }
  }
  return {
    ask,
    isDelegated: authorize !== undefined,
    may: (principal, room, action) => {
      const answer = ask(principal, room, action)
      return typeof answer === 'boolean' ? answer : answer.then(isYes)
    },
    ...(beforeMessage ? { edit: draft => edit(beforeMessage, draft, log) } : {})
  }
}

/** A person as a host knows them. */
export const publicUserOf = ({ userId, username, externalId }: Principal): PublicUser => ({
  id: externalId ?? String(userId),
  name: username
})

const isYes = (answer: unknown): boolean => answer === true

const edit = async (beforeMessage: BeforeMessage, draft: MessageDraft, log: Log): Promise<MessageDraft> => {
  try {
    const edited = await withTimeout(ANSWER_MS, 'beforeMessage', askHost(beforeMessage, draft))
    if (!isDraft(edited)) throw new TypeError('beforeMessage must answer a draft, or throw')
    return edited
  } catch (error) {
    if (error instanceof ChatRejection) throw error
    log.error({ err: error, room: draft.room }, 'beforeMessage failed: the message was refused')
    throw new ChatError('unavailable', 'The message could not be checked. Send it again in a moment.', {
      retryAfterMs: 1000,
      cause: error
    })
  }
}

/** What it throws may quote the text, and is logged. */
const askHost = async (beforeMessage: BeforeMessage, draft: MessageDraft): Promise<MessageDraft> => {
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

/** Goes on with a value, at once if it is there. */
export const whenKnown = <T, R>(value: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> =>
  value instanceof Promise ? value.then(next) : next(value)
