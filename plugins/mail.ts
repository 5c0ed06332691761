/** Sends the mails of the outbox over SMTP, or prints them during development. Decorates the Fastify instance with `chatMail`. */
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { createLookupKeys } from '../src/accounts/lookup-keys.ts'
import { createComposer } from '../src/accounts/mail/compose.ts'
import { startMailExpiry } from '../src/accounts/mail/expiry.ts'
import { createMail, type Mail } from '../src/accounts/mail/mail.ts'
import { printTo } from '../src/accounts/mail/print.ts'
import { createSmtp, type SendMail } from '../src/accounts/mail/smtp.ts'
import { createOutboxWorker, type OutboxWorker, type WorkerLimits } from '../src/accounts/mail/worker.ts'
import { createOptionsReader, type SettingOptions, type SettingValues } from '../src/config/plugin-options.ts'
import { platformSettings, serverSettings } from '../src/config/settings/http.ts'
import { mailSettings } from '../src/config/settings/mail.ts'
import type { EmailsRepository } from '../src/db/repositories/emails.ts'
import { waitOnce } from '../src/http/first-request.ts'
import { type Clock, systemClock } from '../src/lib/clock.ts'
import type { Log } from '../src/lib/logging.ts'
import { withoutRepeats } from '../src/lib/repeated-log.ts'
import { shutdownOf } from '../src/shutdown.ts'

declare module 'fastify' {
  interface FastifyInstance {
    chatMail: Mail
  }
}

const usedSettings = { ...mailSettings, publicUrl: platformSettings.publicUrl, port: serverSettings.port }

/** Options of the mail plugin. docs/settings.md describes the options that are settings. */
export interface ChatMailOptions extends SettingOptions<typeof usedSettings> {
  readonly clock?: Clock
  /** Receives mails as text if `smtpUrl` is missing. Used by `fastify-chat dev`. */
  readonly printMail?: ((text: string) => void) | undefined
  /** Replaces the limits of the worker. Used only in tests. */
  readonly mailLimits?: Partial<WorkerLimits> | undefined
}

const readOptions = createOptionsReader('chat-mail', { settings: usedSettings, functions: ['printMail'] })

/** Decorates the instance with `chatMail`. Rejects if the settings are incomplete, or if nodemailer is not installed. */
export default fp(
  async function chatMail(fastify: FastifyInstance, options: ChatMailOptions) {
    const settings = readOptions(options)
    const { chatDb, chatCrypto: keyring } = fastify
    const { clock = systemClock, printMail, mailLimits } = options
    const log = withoutRepeats(fastify.server, fastify.log, clock)
    const send = await senderOf(settings, printMail)
    runExpiry(fastify, () => startMailExpiry({ outbox: chatDb.outbox, clock, log }))
    if (!send) return void fastify.decorate('chatMail', createMail({ keyring, isConfigured: false }))

    const lookupKeys = createLookupKeys({ repository: chatDb.lookupKeys, keyring })
    const worker = createOutboxWorker({
      outbox: chatDb.outbox,
      compose: createComposer({ database: chatDb, keyring, lookupKeys, linkUrl: linkUrlOf(settings) }),
      send,
      clock,
      log,
      ...(mailLimits ? { limits: mailLimits } : {})
    })
    runWorker(fastify, worker, async () => {
      if (settings.requireVerifiedEmail) await reportUnverified(chatDb.emails, log)
    })
    fastify.decorate('chatMail', createMail({ keyring, isConfigured: true, onStored: worker.wake }))
  },
  { name: 'chat-mail', fastify: '5.x', dependencies: ['chat-db', 'chat-crypto'] }
)

type Values = SettingValues<typeof usedSettings>

const senderOf = async (
  { smtpUrl, mailFrom, mailLinkUrl, publicUrl }: Values,
  printMail: ChatMailOptions['printMail']
): Promise<SendMail | undefined> => {
  if (smtpUrl === undefined) return printMail && printTo(printMail)
  if (mailFrom === undefined || (mailLinkUrl ?? publicUrl) === undefined) {
    throw new TypeError(
      'With `smtpUrl`, the plugin chat-mail requires `mailFrom`, and one of `publicUrl` and `mailLinkUrl`.'
    )
  }
  return createSmtp({ url: smtpUrl, from: mailFrom })
}

/**
 * Returns the URL of the page to which links lead. If no URL is set, returns a URL of this machine. Only a service that prints
 * its mails may have no URL.
 */
const linkUrlOf = ({ mailLinkUrl, publicUrl, port }: Values): string => {
  const serviceUrl = publicUrl ?? `http://localhost:${port}`
  return mailLinkUrl ?? `${serviceUrl.replace(/\/$/, '')}/app`
}

/**
 * Maximum time in milliseconds for which a shutdown waits for mails that are being sent. It is less than the timeout of the
 * shutdown step.
 */
const GRACE_MS = 1500

/** Logs how many users must verify an address before they can log in again. */
const reportUnverified = async (emails: EmailsRepository, log: Log): Promise<void> => {
  const users = await emails.countUnverified()
  if (users === 0) return
  log.warn({ users }, 'REQUIRE_VERIFIED_EMAIL is true: these users must verify an e-mail address at their next login')
}

/** Removes expired mails while the instance serves requests. */
const runExpiry = (fastify: FastifyInstance, start: () => () => void): void => {
  let stop: (() => void) | undefined
  fastify.addHook('onListen', async () => {
    stop ??= start()
  })
  shutdownOf(fastify).add('stop background work', async () => stop?.())
}

/** Starts the worker when the instance serves requests, and stops it with the instance. */
const runWorker = (fastify: FastifyInstance, worker: OutboxWorker, onStart: () => Promise<void>): void => {
  // The worker is not started in `onReady`. If the application failed to start after `onReady`, the queries of the worker would
  // keep the process running.
  let isStarted = false
  const startOnce = async (): Promise<void> => {
    if (isStarted) return
    isStarted = true
    worker.start()
    // Not awaited, so that the start does not wait for a table scan.
    onStart().catch(err => fastify.log.warn({ err }, 'failed to count the users without a verified e-mail address'))
  }
  fastify.addHook('onListen', startOnce)
  fastify.addHook('onRequest', waitOnce(startOnce))
  const shutdown = shutdownOf(fastify)
  shutdown.add('stop background work', () => worker.refuseWork())
  shutdown.add('close WebSockets', () => worker.stop(GRACE_MS))
}
