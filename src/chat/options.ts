/** Defines what the chat of one process consists of. */
import type { Bus } from '../bus/bus.ts'
import type { Keyring } from '../crypto/keyring.ts'
import type { ChangesRepository, MessagesRepository, RoomsRepository } from '../db/database.ts'
import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/logging.ts'
import type { Authorize, BeforeMessage, Principal } from './access/authorize.ts'
import type { Kinds } from './kinds/index.ts'
import type { AppendQueueOptions } from './log/append-queue.ts'
import type { PublisherOptions } from './log/publish.ts'

/** Stores what the chat reads and writes. */
export interface ChatStorage {
  readonly rooms: RoomsRepository
  readonly messages: MessagesRepository
  /** Reads changes that were made directly in the database; without it, nothing is assumed to change. */
  readonly changes?: ChangesRepository | undefined
  /** Sets how often changes are polled, in milliseconds; see ChangeFeedOptions. */
  readonly changesPollMs?: number | undefined
  /** Returns which of these users exist; deleted users are disconnected. */
  readonly existingUsers: (userIds: readonly number[]) => Promise<ReadonlySet<number>>
  /** Classifies a failure of the database; see src/db/client/errors.ts. */
  readonly faultOf: AppendQueueOptions['faultOf']
  /** Limits how many queries may read the log at a time; see LogReaderOptions. By default 1. */
  readonly concurrentReads?: number | undefined
}

/** Holds the limits of the settings; 0 means no limit. */
export interface ChatLimits {
  /** Limits messages per second per user. */
  readonly messageRate: number
  /** Limits reads over HTTP per second per user; by default unlimited. */
  readonly readRate?: number | undefined
  readonly connectionsPerUser: number
  readonly connectionsPerIp: number
  /** Limits a message, in characters. */
  readonly maxMessageLength: number
  /** Limits how long a client without `chat.v1` may stay connected, in milliseconds; 0 until its token expires. */
  readonly legacyLifetimeMs: number
}

/** Holds functions of a host application. Without them, every user may do everything, and messages are stored as they were sent. */
export interface HostFunctions {
  readonly authorize?: Authorize | undefined
  readonly beforeMessage?: BeforeMessage | undefined
  readonly onMessage?: PublisherOptions['onMessage']
}

export interface ChatOptions {
  /** Lists the kinds of entries; by default those of this release. */
  readonly kinds?: Kinds | undefined
  readonly storage: ChatStorage
  /** Returns whether no process of an older release runs; until then, only messages are accepted. By default true. */
  readonly isUpgradeFinished?: (() => boolean) | undefined
  readonly limits: ChatLimits
  readonly host?: HostFunctions
  readonly keyring: Keyring
  readonly bus: Bus
  readonly clock: Clock
  readonly log: Log
  /** Verifies the token with which a client extends its connection; rejects with a ChatError. */
  readonly authenticate: (token: string) => Promise<Principal>
  /** Replaces the bounds of the append queue in tests. */
  readonly appendQueue?: Partial<AppendQueueOptions> | undefined
}
