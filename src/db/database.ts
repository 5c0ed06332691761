/**
 * Creates the repositories, which read and write the tables of one schema. Runs statements of several repositories in one
 * transaction.
 */
import { withTimeout } from '../lib/timeout.ts'
import type { SqlClient } from './client/types.ts'
import { type AdministrationRepository, createAdministrationRepository } from './repositories/administration.ts'
import {
  type AuditOptions,
  type AuditRepository,
  createAuditRepository,
  type NewAuditEvent
} from './repositories/audit.ts'
import { type AuthoredRepository, createAuthoredRepository } from './repositories/authored.ts'
import { type BlocksRepository, createBlocksRepository } from './repositories/blocks.ts'
import { type ChallengesRepository, createChallengesRepository } from './repositories/challenges.ts'
import { type ChangesRepository, createChangesRepository } from './repositories/changes.ts'
import { createDeletionsRepository, type DeletionsRepository } from './repositories/deletions.ts'
import { createEmailsRepository, type EmailsRepository } from './repositories/emails.ts'
import { createExportsRepository, type ExportsRepository } from './repositories/exports.ts'
import { createFactorsRepository, type FactorsRepository } from './repositories/factors.ts'
import { createFastApiImportRepository, type FastApiImportRepository } from './repositories/fastapi-import.ts'
import { createHeldNamesRepository, type HeldNamesRepository } from './repositories/held-names.ts'
import { createIdentitiesRepository, type IdentitiesRepository } from './repositories/identities.ts'
import { createInboxRepository, type InboxRepository } from './repositories/inbox.ts'
import { createInvitationsRepository, type InvitationsRepository } from './repositories/invitations.ts'
import { createKeysRepository, type KeysRepository } from './repositories/keys.ts'
import { createKnownNetworksRepository, type KnownNetworksRepository } from './repositories/known-networks.ts'
import { createLoginThrottlesRepository, type LoginThrottlesRepository } from './repositories/login-throttles.ts'
import { createLookupKeysRepository, type LookupKeysRepository } from './repositories/lookup-keys.ts'
import { createMembersRepository, type MembersRepository } from './repositories/members.ts'
import { createMessageRetentionRepository, type MessageRetentionRepository } from './repositories/message-retention.ts'
import { createMessagesRepository, type MessagesRepository } from './repositories/messages.ts'
import { createOneTimeTokensRepository, type OneTimeTokensRepository } from './repositories/one-time-tokens.ts'
import { createOutboxRepository, type OutboxRepository } from './repositories/outbox.ts'
import { createPasskeysRepository, type PasskeysRepository } from './repositories/passkeys.ts'
import { createPasswordsRepository, type PasswordsRepository } from './repositories/passwords.ts'
import { createProcessesRepository, type ProcessesRepository } from './repositories/processes.ts'
import { createRateLimitsRepository, type RateLimitsRepository } from './repositories/rate-limits.ts'
import { createReactionsRepository, type ReactionsRepository } from './repositories/reactions.ts'
import { createReadMarksRepository, type ReadMarksRepository } from './repositories/read-marks.ts'
import { createRecoveryCodesRepository, type RecoveryCodesRepository } from './repositories/recovery-codes.ts'
import { createRefreshTokensRepository, type RefreshTokensRepository } from './repositories/refresh-tokens.ts'
import { createReportsRepository, type ReportsRepository } from './repositories/reports.ts'
import { createRestrictionsRepository, type RestrictionsRepository } from './repositories/restrictions.ts'
import { createRoomCleaningRepository, type RoomCleaningRepository } from './repositories/room-cleaning.ts'
import { createRoomInvitationsRepository, type RoomInvitationsRepository } from './repositories/room-invitations.ts'
import { createRoomsRepository, type RoomsRepository } from './repositories/rooms.ts'
import { createSessionsRepository, type SessionsRepository } from './repositories/sessions.ts'
import { createFindStandings, type FindStandings } from './repositories/standing.ts'
import { createTotpRepository, type TotpRepository } from './repositories/totp.ts'
import { createUsersRepository, type UsersRepository } from './repositories/users.ts'
import { createTables, type Tables } from './tables.ts'
import { clientIn } from './transaction.ts'

export type { HostTransaction } from './client/host-transaction.ts'
export type { AppendedEntry, NewEntry, RefusedEntry, StoredBody } from './repositories/append.ts'
export type { BlocksRepository } from './repositories/blocks.ts'
export type { Changes, ChangesRead, ChangesRepository } from './repositories/changes.ts'
export type { InboxPerson, InboxRepository, InboxRoom, InboxRow, Marks } from './repositories/inbox.ts'
export type { MemberRow, MembersRepository } from './repositories/members.ts'
export type { Extent, Listed, MessageState, MessagesRepository, Place, StoredEntry } from './repositories/messages.ts'
export type { ReactionRow, ReactionsRepository } from './repositories/reactions.ts'
export type { ReadChange, ReadMark, ReadMarksRepository } from './repositories/read-marks.ts'
export type { ReportOutcome, ReportRow, ReportsRepository } from './repositories/reports.ts'
export type { RoomInvitationsRepository } from './repositories/room-invitations.ts'
export type { RoomOfUser, RoomRow, RoomsRepository } from './repositories/rooms.ts'
export type { UsersRepository } from './repositories/users.ts'

/** Repositories whose statements all run on the same client, or all in the same transaction. */
export interface Repositories {
  readonly users: UsersRepository
  readonly rooms: RoomsRepository
  readonly members: MembersRepository
  readonly restrictions: RestrictionsRepository
  readonly roomCleaning: RoomCleaningRepository
  readonly roomInvitations: RoomInvitationsRepository
  readonly blocks: BlocksRepository
  readonly reports: ReportsRepository
  readonly messages: MessagesRepository
  readonly reactions: ReactionsRepository
  readonly readMarks: ReadMarksRepository
  readonly inbox: InboxRepository
  readonly standings: FindStandings
  readonly rateLimits: RateLimitsRepository
  readonly changes: ChangesRepository
  readonly processes: ProcessesRepository
  readonly keys: KeysRepository
  readonly messageRetention: MessageRetentionRepository
  readonly administration: AdministrationRepository
  readonly audit: AuditRepository
  readonly outbox: OutboxRepository
  readonly sessions: SessionsRepository
  readonly refreshTokens: RefreshTokensRepository
  readonly lookupKeys: LookupKeysRepository
  readonly emails: EmailsRepository
  readonly oneTimeTokens: OneTimeTokensRepository
  readonly challenges: ChallengesRepository
  readonly factors: FactorsRepository
  readonly totp: TotpRepository
  readonly recoveryCodes: RecoveryCodesRepository
  readonly passkeys: PasskeysRepository
  readonly loginThrottles: LoginThrottlesRepository
  readonly knownNetworks: KnownNetworksRepository
  readonly identities: IdentitiesRepository
  readonly invitations: InvitationsRepository
  readonly passwords: PasswordsRepository
  readonly deletions: DeletionsRepository
  readonly heldNames: HeldNamesRepository
  readonly authored: AuthoredRepository
  readonly exports: ExportsRepository
  readonly fastApiImport: FastApiImportRepository
}

export interface ChatDatabase extends Repositories {
  readonly schema: string
  readonly client: SqlClient
  /**
   * Runs `work` in one transaction. Everything that is written with the given repositories is committed together, or not at all
   * if `work` rejects. Rejects with the error of `work` or of the commit. `work` must use only the given repositories. The
   * embedded database has only one session, so a query outside the transaction waits until the transaction ends. If `work`
   * awaits such a query, the transaction never ends.
   */
  transaction<T>(work: (repositories: Repositories) => Promise<T>): Promise<T>
  /**
   * Resolves with `ok` if the database is writable. Otherwise resolves with `read_only` and replaces the connections, because
   * they may lead to a standby. Rejects if the query fails or takes longer than `timeoutMs`.
   */
  ping(timeoutMs: number): Promise<'ok' | 'read_only'>
}

const createRepositories = (client: SqlClient, schema: string, tables: Tables, audit: AuditOptions): Repositories => ({
  users: createUsersRepository(client, tables, schema),
  rooms: createRoomsRepository(client, tables, schema),
  members: createMembersRepository(client, schema),
  restrictions: createRestrictionsRepository(client, schema),
  roomCleaning: createRoomCleaningRepository(client, schema),
  roomInvitations: createRoomInvitationsRepository(client, schema),
  blocks: createBlocksRepository(client, schema),
  reports: createReportsRepository(client, schema),
  messages: createMessagesRepository(client, schema),
  reactions: createReactionsRepository(client, schema),
  readMarks: createReadMarksRepository(client, schema),
  inbox: createInboxRepository(client, schema),
  standings: createFindStandings(client, schema),
  rateLimits: createRateLimitsRepository(client, schema),
  changes: createChangesRepository(client, schema),
  processes: createProcessesRepository(client, schema),
  keys: createKeysRepository(client, schema),
  messageRetention: createMessageRetentionRepository(client, schema),
  administration: createAdministrationRepository(client, schema),
  audit: createAuditRepository(client, schema, audit),
  outbox: createOutboxRepository(client, schema),
  lookupKeys: createLookupKeysRepository(client, schema),
  emails: createEmailsRepository(client, schema),
  oneTimeTokens: createOneTimeTokensRepository(client, schema),
  sessions: createSessionsRepository(client, schema),
  refreshTokens: createRefreshTokensRepository(client, schema),
  challenges: createChallengesRepository(client, schema),
  factors: createFactorsRepository(client, schema),
  totp: createTotpRepository(client, schema),
  recoveryCodes: createRecoveryCodesRepository(client, schema),
  passkeys: createPasskeysRepository(client, schema),
  loginThrottles: createLoginThrottlesRepository(client, schema),
  knownNetworks: createKnownNetworksRepository(client, schema),
  passwords: createPasswordsRepository(client, schema),
  deletions: createDeletionsRepository(client, schema),
  heldNames: createHeldNamesRepository(client, schema),
  authored: createAuthoredRepository(client, schema),
  exports: createExportsRepository(client, schema),
  fastApiImport: createFastApiImportRepository(client, schema),
  identities: createIdentitiesRepository(client, schema),
  invitations: createInvitationsRepository(client, schema)
})

export interface DatabaseOptions {
  readonly audit?: AuditOptions
}

/** Creates the repositories. Does not connect to the database. */
export const createDatabase = (
  client: SqlClient,
  schema: string,
  { audit = {} }: DatabaseOptions = {}
): ChatDatabase => {
  const tables = createTables(schema)
  return {
    schema,
    client,
    ...createRepositories(client, schema, tables, audit),
    async transaction(work) {
      const recorded: NewAuditEvent[] = []
      const collecting = { ...audit, onRecorded: (event: NewAuditEvent) => void recorded.push(event) }
      const result = await client.transaction(transaction =>
        work(createRepositories(clientIn(client, transaction), schema, tables, collecting))
      )
      for (const event of recorded) audit.onRecorded?.(event)
      return result
    },
    async ping(timeoutMs) {
      // On a standby, `transaction_read_only` is always `on`.
      const reading = client.query<{ read_only: string }>(
        `select current_setting('transaction_read_only') as read_only`,
        [],
        { isUrgent: true }
      )
      const [row] = await withTimeout(timeoutMs, 'the database', reading)
      if (row?.read_only === 'off') return 'ok'
      client.replaceConnections?.()
      return 'read_only'
    }
  }
}
