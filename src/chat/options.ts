/** Defines the options of the chat of one process. */
import type { Bus } from '../bus/bus.ts'
import type { Keyring } from '../crypto/keyring.ts'
import type {
  BlocksRepository,
  ChangesRepository,
  InboxRepository,
  MembersRepository,
  MessagesRepository,
  ReactionsRepository,
  ReadMarksRepository,
  ReportsRepository,
  RoomInvitationsRepository,
  RoomsRepository
} from '../db/database.ts'
import type { RestrictionsRepository } from '../db/repositories/restrictions.ts'
import type { RoomCleaningRepository } from '../db/repositories/room-cleaning.ts'
import type { SessionKey, SessionUser } from '../db/repositories/sessions.ts'
import type { FindStandings } from '../db/repositories/standing.ts'
import type { Clock } from '../lib/clock.ts'
import type { Instruments } from '../lib/instruments.ts'
import type { Log } from '../lib/logging.ts'
import type { Authorize, BeforeMessage, FinerAction, Principal } from './access/authorize.ts'
import type { Kinds } from './kinds/index.ts'
import type { AppendQueueOptions } from './log/append-queue.ts'
import type { PublisherOptions } from './log/publish.ts'
import type { TracingOptions } from './log/tracing.ts'

/** The database functions that moderation needs. */
export interface ModerationStorage {
  readonly restrictions: Pick<RestrictionsRepository, 'list' | 'sweep'>
  readonly cleaning: RoomCleaningRepository
}

/** The database functions that the chat needs. */
export interface ChatStorage {
  readonly rooms: RoomsRepository
  readonly members: Pick<MembersRepository, 'find' | 'search' | 'isAdministrator' | 'strangers'>
  readonly reports: Pick<ReportsRepository, 'add' | 'mayReview' | 'ofRoom' | 'findInRoom' | 'resolve'>
  readonly roomInvitations: Pick<RoomInvitationsRepository, 'create' | 'list' | 'remove' | 'find'>
  readonly messages: MessagesRepository
  readonly reactions: ReactionsRepository
  readonly readMarks: ReadMarksRepository
  readonly inbox: InboxRepository
  /**
   * Reads the changes that triggers of the database record, for example deleted users and ended sessions. If absent, this process
   * does not notice such changes.
   */
  readonly changes?: ChangesRepository | undefined
  /** Interval in milliseconds at which changes are polled. See `ChangeFeedOptions.pollMs`. */
  readonly changesPollMs?: number | undefined
  /**
   * Returns the current users and sessions of connections, in the order of `keys`. The result for a deleted user is undefined.
   * Called periodically, and when the change feed may have missed changes. If this function is absent, missed changes close no
   * connections.
   */
  readonly sessionUsers?: ((keys: readonly SessionKey[]) => Promise<readonly (SessionUser | undefined)[]>) | undefined
  /** Stores the current time as the last use of these sessions. */
  readonly touchSessions?: ((sessionIds: readonly string[]) => Promise<void>) | undefined
  /** The queries that list restrictions, and those of rooms/room-jobs.ts. If absent, the list is empty and the jobs do not run. */
  readonly moderation?: ModerationStorage | undefined
  /** Looks up members and restrictions. If absent, no user is a member of a room, and no user is restricted. */
  readonly standings?: FindStandings | undefined
  /** Returns whether one of the two users of a direct room has blocked the other. If absent, blocked users may send `typing`. */
  readonly isBlocked?: BlocksRepository['isBlocked'] | undefined
  /** Classifies a failure of the database. See src/db/client/errors.ts. */
  readonly faultOf: AppendQueueOptions['faultOf']
  /** Maximum number of concurrent queries that read the log. The default is 1. See `LogReaderOptions.concurrentReads`. */
  readonly concurrentReads?: number | undefined
}

/** The limits from the settings. 0 means no limit, except for `maxMessageLength`, `editWindowMs` and `legacyLifetimeMs`. */
export interface ChatLimits {
  /** Maximum number of messages per second per user. */
  readonly messageRate: number
  /** Maximum number of history reads over HTTP per second per user. The default is 0. */
  readonly readRate?: number | undefined
  readonly connectionsPerUser: number
  readonly connectionsPerIp: number
  /** Maximum number of open WebSockets. The default is 0. */
  readonly maxConnections?: number | undefined
  /** Maximum number of new WebSockets per second. The default is 0. */
  readonly connectRate?: number | undefined
  /** Maximum length of a message, in characters (Unicode code points). */
  readonly maxMessageLength: number
  /** Time in milliseconds for which a message can be edited after it was sent. Undefined for no limit. */
  readonly editWindowMs?: number | undefined
  /**
   * Maximum duration in milliseconds of a connection without the subprotocol `chat.v1`. If 0, such a connection ends when its
   * token expires.
   */
  readonly legacyLifetimeMs: number
}

/**
 * Functions of the host application. Without `authorize`, every user may do everything. Without `beforeMessage`, messages are
 * stored as they were sent.
 */
export interface HostFunctions {
  readonly authorize?: Authorize | undefined
  readonly authorizeActions?: readonly FinerAction[] | undefined
  readonly beforeMessage?: BeforeMessage | undefined
  readonly onMessage?: PublisherOptions['onMessage']
  readonly onEntry?: PublisherOptions['onEntry']
}

export interface ChatOptions {
  /** The kinds of entries. The default is the kinds of this release. */
  readonly kinds?: Kinds | undefined
  readonly storage: ChatStorage
  /**
   * Returns whether a step of a rolling upgrade is finished. The default step is `kinds`. The operator finishes the steps with
   * `fastify-chat migrate finish` when all processes of older releases have stopped. Until then, entries of the kinds that need
   * the step are rejected. If the function is absent, entries of all kinds are accepted.
   */
  readonly isUpgradeFinished?: ((step?: string) => boolean) | undefined
  readonly limits: ChatLimits
  readonly host?: HostFunctions
  /** Whether the members of a room see how far the others have read. The default is true. */
  readonly hasReadReceipts?: boolean | undefined
  readonly keyring: Keyring
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  /** The logger for lines that report which request appended which entry. If absent, no such lines are written. */
  readonly trace?: Pick<TracingOptions, 'log' | 'isOn'> | undefined
  /** Receives the measurements of the chat. By default nothing is measured. */
  readonly instruments?: Instruments | undefined
  /** Verifies a token that a client sends to extend its connection. Rejects with a ChatError if the token is not valid. */
  readonly authenticate: (token: string) => Promise<Principal>
  /** Replaces options of the append queue. Used only in tests. */
  readonly appendQueue?: Partial<AppendQueueOptions> | undefined
  /** False if authors of messages do not become members of public rooms. Used only in tests that count entries. */
  readonly joinsPosters?: boolean | undefined
}
