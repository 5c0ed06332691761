/** Deletes and exports the data of users. Decorates the Fastify instance with `chatPrivacy`. */
import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { AccountsContext } from '../src/accounts/context.ts'
import { createDeletionJob, type DeletionJob } from '../src/accounts/deletion/job.ts'
import { createRequestDeletion, type RequestDeletion } from '../src/accounts/deletion/request.ts'
import { createExports, type Exports } from '../src/accounts/export/export.ts'
import { createHostAccounts, type HostAccounts } from '../src/accounts/host-accounts.ts'
import { createLookupKeys } from '../src/accounts/lookup-keys.ts'
import { createMail } from '../src/accounts/mail/mail.ts'
import { createOptionsReader, type SettingOptions } from '../src/config/plugin-options.ts'
import { privacySettings } from '../src/config/settings/privacy.ts'
import { waitOnce } from '../src/http/first-request.ts'
import { type Clock, systemClock } from '../src/lib/clock.ts'
import { withoutRepeats } from '../src/lib/repeated-log.ts'
import { shutdownOf } from '../src/shutdown.ts'

declare module 'fastify' {
  interface FastifyInstance {
    chatPrivacy: {
      /** Ends an account immediately. A background job completes the deletion, on any process. See `RequestDeletion`. */
      readonly requestDeletion: RequestDeletion
      readonly exports: Exports
      /** Deletes, suspends, restores and exports users for a host application. See `HostAccounts`. */
      readonly hostAccounts: HostAccounts
    }
  }
}

/** Options of the privacy plugin. docs/settings.md describes the options that are settings. */
export interface ChatPrivacyOptions extends SettingOptions<typeof privacySettings> {
  readonly clock?: Clock
}

const readOptions = createOptionsReader('chat-privacy', { settings: privacySettings })

export default fp(
  async function chatPrivacy(fastify: FastifyInstance, options: ChatPrivacyOptions) {
    const { onDelete, nameHoldDays } = readOptions(options)
    const { clock = systemClock } = options
    const context = contextOf(fastify, clock)
    const { database, keyring, log } = context
    const job = createDeletionJob({
      ...context,
      nameHoldDays,
      appendErasure: erased => fastify.chatCore.appendErasure(erased),
      promote: member => fastify.chatCore.members.putAsHost(member, 'owner'),
      remove: member => fastify.chatCore.members.removeAsHost(member),
      archive: (member, isArchived) => fastify.chatCore.rooms.archiveAsHost(member, isArchived)
    })
    runJob(fastify, job)
    const requestDeletion = createRequestDeletion({
      context,
      erasesByDefault: onDelete === 'erase',
      onRequested: job.wake
    })
    const exports = createExports({
      database,
      keyring,
      clock,
      onFailure: err => log.warn({ err }, 'failed to end an export; the next one of this user can begin in a minute')
    })
    const hasOwnAccounts = fastify.chatAuth.accounts !== null
    fastify.decorate('chatPrivacy', {
      requestDeletion,
      exports,
      hostAccounts: createHostAccounts({ context, hasOwnAccounts, requestDeletion, exports })
    })
  },
  { name: 'chat-privacy', fastify: '5.x', dependencies: ['chat-db', 'chat-crypto', 'chat-auth', 'chat-core'] }
)

const contextOf = (fastify: FastifyInstance, clock: Clock): AccountsContext => {
  const { accounts } = fastify.chatAuth
  if (accounts) return accounts.context
  const { chatDb: database, chatCrypto: keyring } = fastify
  return {
    database,
    keyring,
    clock,
    log: withoutRepeats(fastify.server, fastify.log, clock),
    mail: createMail({ keyring, isConfigured: false }),
    lookupKeys: createLookupKeys({ repository: database.lookupKeys, keyring })
  }
}

/** Starts the job when the instance serves requests, and stops it with the instance. */
const runJob = (fastify: FastifyInstance, job: DeletionJob): void => {
  // The job is not started in `onReady`. If the application failed to start after `onReady`, the queries of the job would keep
  // the process running.
  const startOnce = async (): Promise<void> => job.start()
  fastify.addHook('onListen', startOnce)
  fastify.addHook('onRequest', waitOnce(startOnce))
  const shutdown = shutdownOf(fastify)
  shutdown.add('stop background work', () => void job.stop())
  // The later step `close WebSockets` has a longer timeout, so it waits for a running transaction of the job to end. If the
  // transaction were interrupted, another process would have to repeat it.
  shutdown.add('close WebSockets', job.stop)
}

/** Returns the lines of an export as a stream. Further lines are read only when the client has received the previous ones. */
export const streamOf = (lines: AsyncIterable<Buffer>): Readable => Readable.from(lines, { objectMode: false })
