/**
 * Applies changes of users and sessions in the database to connections. A deleted user is disconnected and removed from presence.
 * The connections of a suspended user or of an ended session are closed. A renamed user stays connected under the new name.
 */

import type { Changes } from '../../db/database.ts'
import type { SessionUser } from '../../db/repositories/sessions.ts'
import type { Clock } from '../../lib/clock.ts'
import { CLOSE, type CloseCode } from '../../protocol/close-codes.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { Connection } from '../connections/connection.ts'
import type { ConnectionRegistry } from '../connections/registry.ts'
import type { ChatStorage } from '../options.ts'
import type { SubscriptionManager } from '../subscriptions/manager.ts'
import type { Principal } from './authorize.ts'
import { createRevokedSessions } from './revoked-sessions.ts'

export interface CurrentUsersOptions {
  readonly registry: ConnectionRegistry
  readonly subscriptionManager: SubscriptionManager
  readonly clock: Clock
  /** See `ChatStorage.sessionUsers`. */
  readonly sessionUsers: ChatStorage['sessionUsers']
  /** Called after the new names of users were applied to their connections. */
  readonly onRenamed: (userIds: readonly number[]) => void
}

type UserChanges = Pick<Changes, 'deletedUsers' | 'renamedUsers' | 'revokedSessions' | 'revokedUsers'>

export interface CurrentUsers {
  /** Applies changes to connections and presence, and remembers the changes for a while. */
  apply(changes: UserChanges): void
  /**
   * Looks up all connected users and sessions, and applies what has changed. Called periodically, and when changes may have been
   * missed.
   */
  refresh(): Promise<void>
  /**
   * Returns the principal with the user's current name, because the user may have been renamed after the principal was looked
   * up.
   */
  named<A extends Principal>(principal: A): A
  /**
   * Like `named`, for the author of an entry. Throws `unavailable` if the user was deleted or suspended recently, or if the
   * session ended recently.
   */
  author<A extends Principal>(principal: A): A
  /**
   * Returns a close code if the user was deleted or suspended recently, or if the session ended recently. Otherwise returns
   * undefined.
   */
  closeCodeOf(principal: Principal): CloseCode | undefined
  close(): void
}

/**
 * Minimum time in milliseconds for which a change is remembered. A request or a WebSocket upgrade that looked up the user
 * before the change usually ends within this time.
 */
const REMEMBER_MS = 30_000
/** Maximum number of users and sessions per query. */
const PAGE = 1000

export const createCurrentUsers = ({
  registry,
  subscriptionManager,
  clock,
  sessionUsers,
  onRenamed
}: CurrentUsersOptions): CurrentUsers => {
  const revoked = createRevokedSessions(clock)
  let deleted = new Set<number>()
  let deletedBefore = new Set<number>()
  let renamed = new Map<number, string>()
  let renamedBefore = new Map<number, string>()

  const stop = clock.every(REMEMBER_MS, () => {
    ;[deletedBefore, renamedBefore] = [deleted, renamed]
    ;[deleted, renamed] = [new Set(), new Map()]
  })

  const named: CurrentUsers['named'] = principal => {
    const username = renamed.get(principal.userId) ?? renamedBefore.get(principal.userId)
    return username === undefined || username === principal.username ? principal : { ...principal, username }
  }

  const isDeleted = (userId: number): boolean => deleted.has(userId) || deletedBefore.has(userId)

  /**
   * Closes the connection if its user was suspended or its session was revoked. If a revocation kept the session but changed its
   * generation, stores the new generation in the principal.
   */
  const check = (connection: Connection): void => {
    const standing = revoked.standingOf(connection.principal)
    if (!standing) return
    if ('close' in standing) connection.close(standing.close)
    else connection.principal = { ...connection.principal, generation: standing.generation }
  }

  const apply: CurrentUsers['apply'] = changes => {
    const { deletedUsers, renamedUsers, revokedSessions, revokedUsers } = changes
    if (deletedUsers.length + renamedUsers.length + revokedSessions.length + revokedUsers.length === 0) return
    revoked.add(changes)
    const deletedNow = new Set(deletedUsers)
    const names = new Map(renamedUsers.map(({ id, username }) => [id, username]))
    for (const id of deletedNow) deleted.add(id)
    for (const [id, username] of names) renamed.set(id, username)
    for (const connection of [...registry.all()]) {
      const { userId } = connection.principal
      if (deletedNow.has(userId)) connection.close(CLOSE.tokenExpired)
      else if (names.has(userId)) connection.principal = named(connection.principal)
      check(connection)
    }
    for (const id of deletedNow) subscriptionManager.deleted(id)
    for (const [id, username] of names) subscriptionManager.renamed(id, username)
    if (names.size > 0) onRenamed([...names.keys()])
  }

  const closeCodeOf: CurrentUsers['closeCodeOf'] = principal => {
    if (isDeleted(principal.userId)) return CLOSE.tokenExpired
    const standing = revoked.standingOf(principal)
    return standing && 'close' in standing ? standing.close : undefined
  }

  return {
    apply,
    named,
    author(principal) {
      if (closeCodeOf(principal) === undefined) return named(principal)
      const detail = 'Your account was changed a moment ago. Log in again, or try again in a moment.'
      throw new ChatError('unavailable', detail, { retryAfterMs: 1000 })
    },
    closeCodeOf,
    async refresh() {
      const connected = new Map([...registry.all()].map(({ principal }) => [keyOf(principal), principal]))
      const pairs: Pair[] = []
      for (const page of pagesOf([...connected.values()])) {
        const keys = page.map(({ userId, sessionId }) => ({ userId, sessionId: sessionId ?? undefined }))
        const found = await sessionUsers?.(keys)
        if (!found) return
        pairs.push(...page.map((principal, at) => ({ principal, now: found[at] })))
      }
      apply(changesOf(pairs))
    },
    close() {
      stop()
      revoked.close()
    }
  }
}

/**
 * Returns a key of everything that `changesOf` compares. Connections of the same session have different names or generations if
 * a change was missed before one of them was opened.
 */
const keyOf = ({ userId, sessionId = '', username, generation = 0 }: Principal): string =>
  JSON.stringify([userId, sessionId, username, generation])

const pagesOf = (principals: readonly Principal[]): Principal[][] =>
  Array.from({ length: Math.ceil(principals.length / PAGE) }, (_, at) => principals.slice(at * PAGE, (at + 1) * PAGE))

/** The principal of a connection. `now` is the current record of its user and session, or undefined if the user was deleted. */
interface Pair {
  readonly principal: Principal
  readonly now: SessionUser | undefined
}

/** Returns the changes since the principals were looked up. */
const changesOf = (pairs: readonly Pair[]): UserChanges => {
  const present = pairs.flatMap(({ principal, now }) => (now ? [{ principal, ...now }] : []))
  const isCurrent = ({ session, user }: SessionUser): boolean => session?.generation === user.generation
  const kept = new Map<number, string[]>()
  for (const { principal, ...now } of present) {
    const { userId, sessionId } = principal
    if (sessionId != null && isCurrent(now)) kept.set(userId, [...(kept.get(userId) ?? []), sessionId])
  }
  return {
    deletedUsers: pairs.flatMap(({ principal, now }) => (now ? [] : [principal.userId])),
    renamedUsers: present.flatMap(({ principal, user: { id, username } }) =>
      username === principal.username ? [] : [{ id, username }]
    ),
    revokedSessions: present.flatMap(({ principal: { sessionId }, ...now }) =>
      sessionId == null || isCurrent(now) ? [] : [sessionId]
    ),
    revokedUsers: present.flatMap(({ principal: { generation = 0 }, user: { id, status, ...user } }) =>
      status === 'active' && user.generation <= generation
        ? []
        : [{ id, status, generation: user.generation, keptSessions: kept.get(id) ?? [] }]
    )
  }
}
