/**
 * Checks entries before they are appended: the rate limit, the state of the service, and the content. The host application may
 * edit the content. Appends the accepted entries with append-draft.ts.
 */
import type { HostTransaction } from '../../db/database.ts'
import type { Log } from '../../lib/logging.ts'
import { ChatError } from '../../protocol/errors.ts'
import { MESSAGE } from '../../protocol/http/messages.ts'
import { type Access, type FinerAction, type Principal, publicUserOf } from '../access/authorize.ts'
import type { ConnectionRegistry } from '../connections/registry.ts'
import type { Body, Command, Kind } from '../kinds/kind.ts'
import { message } from '../kinds/message.ts'
import type { Room } from '../rooms/room.ts'
import { type AppendDraftOptions, createAppendDraft, type PublishResult } from './append-draft.ts'
import type { Draft } from './codec.ts'
import { metaOf } from './committed-message.ts'
import { refusalOf, restarting } from './refusals.ts'
import type { Tracing } from './tracing.ts'

/** An entry as its sender provides it. */
export interface Submission {
  readonly kind: Kind
  readonly command: Command
  /** The transaction of the host application in which the entry is appended. */
  readonly transaction?: HostTransaction | undefined
  /** The id of the request that sent the entry or opened the connection. */
  readonly requestId?: string | undefined
}

/**
 * The publisher: a user (`person`) or the host application (`host`). `beforeMessage` is called only for the messages and edits
 * of users.
 */
export type PublishedBy = 'person' | 'host'

export interface PublisherOptions extends AppendDraftOptions {
  readonly registry: ConnectionRegistry
  readonly access: Access
  readonly log: Log
  /** Maximum number of messages per second per user, for the text of the error. The connection registry applies the limit. */
  readonly messageRate: number
  readonly maxMessageLength: number
  /** See `ChatLimits.editWindowMs`. */
  readonly editWindowMs?: number | undefined
  /** Returns the author of an entry, or `undefined` if there is no such entry. */
  readonly authorOf: (room: Room, seq: number) => Promise<number | undefined>
  readonly tracing?: Tracing | undefined
  /** See `ChatOptions.isUpgradeFinished`. */
  readonly isUpgradeFinished?: ((step?: string) => boolean) | undefined
}

export interface Publisher {
  /**
   * Counts an entry against the user's message rate limit. Throws `rate_limited` if the limit is exceeded. Called before the
   * room of the entry is looked up.
   */
  admit(userId: number): void
  /**
   * Publishes an entry. If the entry is rejected before the append, throws a ChatError, or rejects with it. Returns a promise
   * only if a function of the host application may be called or if the entry has a transaction. An entry that is not rejected is
   * appended, and `posted` is called once with the result, before the subscribers receive the entry.
   */
  post(
    principal: Principal,
    room: Room,
    submission: Submission,
    posted: (outcome: PublishResult) => void,
    by: PublishedBy
  ): void | Promise<void>
}

export const createPublisher = ({ registry, access, log, ...options }: PublisherOptions): Publisher => {
  const {
    messageRate,
    maxMessageLength,
    editWindowMs,
    isDraining,
    isUpgradeFinished = () => true,
    named,
    tracing
  } = options
  const { append, appendIn } = createAppendDraft(options)

  const prepare = ({ kind, command }: Submission): Body => kind.prepare(command, { maxMessageLength, editWindowMs })

  /**
   * Prepares a message that `beforeMessage` has edited. Throws `unavailable` if the edited message is not valid, because the
   * fault is the host's and not the sender's.
   */
  const prepareEdit = (edited: Submission): Body => {
    try {
      return prepare(edited)
    } catch (cause) {
      log.error({ err: cause }, 'beforeMessage returned a message that cannot be stored; the message was rejected')
      throw new ChatError('unavailable', 'The message cannot be stored right now. Send it again later.', { cause })
    }
  }

  /**
   * Throws `upgrade_pending` if entries of this kind are not accepted yet. The database checks this again while it holds the
   * lock of the room.
   */
  const refuseBeforeUpgrade = ({ kind, step }: Kind): void => {
    if (kind !== MESSAGE && !isUpgradeFinished(step)) throw refusalOf('upgrade_pending')
  }

  /**
   * Rejects with `not_allowed` if the target is a message of another user and the host application denies the action. The author
   * of an entry never changes, so the check holds until the append.
   */
  const authorizeOnOthers = async (
    principal: Principal,
    room: Room,
    target: number,
    action: FinerAction
  ): Promise<void> => {
    const author = await options.authorOf(room, target)
    if (author === undefined || author === principal.userId) return
    if (!(await access.may(principal, room.name, action))) throw refusalOf('not_allowed')
  }

  const admit = (userId: number): void => {
    const retryAfterMs = registry.takeMessage(userId)
    if (retryAfterMs === 0) return
    const detail = `You sent more than ${messageRate} messages per second. Wait before you send the next one.`
    throw new ChatError('rate_limited', detail, { retryAfterMs })
  }

  const post: Publisher['post'] = (principal, room, submission, untraced, by) => {
    const { kind, command, transaction, requestId } = submission
    const posted = requestId !== undefined && tracing?.isOn() ? tracing.of(room.id, requestId, untraced) : untraced
    const { userId, username } = principal
    const { nonce } = command
    // Lists the fields, because spreading objects takes several times as long.
    const draftOf = ({ content, meta, target = null, detail = null }: Body): Draft => ({
      kind,
      room,
      userId,
      username,
      nonce,
      content,
      meta,
      target,
      detail
    })
    const own = prepare(submission)
    if (isDraining()) throw restarting()
    refuseBeforeUpgrade(kind)
    // An expired target is refused here, because the database still finds an expired message until its row is deleted.
    if (own.target != null && own.target < room.oldest) throw refusalOf('message_not_found')
    if (by === 'host') {
      // The service also appends entries of deleted or suspended users, for example when they cease to be members.
      const of = (body: Body) => ({ draft: draftOf(body), room, principal, mayBeEnded: kind.isServiceOnly === true })
      const marked = of(byHost(own))
      if (transaction) return appendIn(transaction, marked).then(posted)
      if (kind !== message || room.isForMembers || room.isRestricted) return append(marked, posted)
      return append(of(own), outcome => {
        if (!('error' in outcome && RESTRICTIONS.has(outcome.error.code))) return posted(outcome)
        try {
          append(marked, posted)
        } catch (error) {
          posted(error instanceof ChatError ? { error } : outcome)
        }
      })
    }
    const { actionOnOthers } = kind
    if (actionOnOthers && own.target != null && access.asks(actionOnOthers))
      return authorizeOnOthers(principal, room, own.target, actionOnOthers).then(() =>
        append({ draft: draftOf(own), room, principal }, posted)
      )
    if (!access.edit || !kind.isEditable) return append({ draft: draftOf(own), room, principal }, posted)
    const draft = {
      room: room.name,
      user: publicUserOf(named(principal)),
      content: own.content ?? '',
      meta: metaOf(own),
      nonce,
      ...(kind.changedBy && own.target != null ? { edits: own.target } : {})
    }
    return access.edit(draft).then(({ content, meta }) => {
      const edited = { kind, command: { ...command, content, meta } }
      append({ draft: draftOf(prepareEdit(edited)), room, principal }, posted)
    })
  }

  return { admit, post }
}

/**
 * The refusals that do not apply to the host application. In a public room that is not known to have muted or banned users, a
 * message of the host application is first appended without the mark that `byHost` adds, because unmarked messages are appended
 * faster. If SQL refuses the message with one of these codes, the message is marked and appended again.
 */
const RESTRICTIONS: ReadonlySet<string> = new Set(['slow_mode', 'muted', 'banned', 'not_allowed'])

/** Marks an entry of the host application with `host` in `detail`, so that SQL does not check its author. */
const byHost = (body: Body): Body => ({
  ...body,
  detail: JSON.stringify({ ...JSON.parse(body.detail ?? '{}'), host: true })
})
