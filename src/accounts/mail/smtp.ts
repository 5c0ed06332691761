/** Sends mails to an SMTP server with nodemailer, an optional peer dependency that is loaded only if SMTP_URL is set. */
import { isIP } from 'node:net'
import type { RenderedMail } from './render.ts'

/** A mail that is ready to be sent. */
export interface OutgoingMail extends RenderedMail {
  readonly to: string
  /** The id of the mail. A mail that is sent twice has the same id, so that mail programs can show it only once. */
  readonly id: string
}

/** Sends a mail. Resolves when the server has accepted it, and rejects with a MailError. */
export type SendMail = (mail: OutgoingMail, signal: AbortSignal) => Promise<void>

/**
 * Thrown when a mail cannot be sent. Neither the message nor the properties contain an address. The response of the server is
 * omitted, because it may contain an address.
 */
export class MailError extends Error {
  /** True if sending the same mail again would also fail. */
  readonly isPermanent: boolean
  readonly code: string
  readonly responseCode: number | undefined

  constructor({ code, responseCode, isPermanent }: Pick<MailError, 'code' | 'responseCode' | 'isPermanent'>) {
    super('The SMTP server did not accept the mail.')
    this.name = 'MailError'
    this.code = code
    this.responseCode = responseCode
    this.isPermanent = isPermanent
  }
}

export interface SmtpOptions {
  /** `smtp://USER:PASSWORD@HOST:PORT` or `smtps://…`. */
  readonly url: string
  /** The sender: an address, or a name and an address. */
  readonly from: string
}

/** Timeouts of a connection in milliseconds. The worker also limits the duration of the whole delivery. */
const TIMEOUTS = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000, dnsTimeout: 5_000 }

/** Connects and logs in to a server without sending a mail. Rejects if that fails. */
export const checkSmtp = async (url: string): Promise<void> => {
  const { createTransport } = await loadNodemailer()
  const transport = createTransport({ ...connectionOf(url), ...TIMEOUTS })
  try {
    await transport.verify()
  } catch (error) {
    const { code } = toMailError(error)
    throw new Error(
      `The SMTP server cannot be used (${code}). Check SMTP_URL: the name, the port, the user and the password.`
    )
  } finally {
    transport.close()
  }
}

/** Creates a function that sends mails. Rejects if nodemailer is not installed. */
export const createSmtp = async ({ url, from }: SmtpOptions): Promise<SendMail> => {
  const { createTransport } = await loadNodemailer()
  const transport = createTransport({
    ...connectionOf(url),
    ...TIMEOUTS,
    disableFileAccess: true,
    disableUrlAccess: true
  })
  const sender = senderOf(from)
  return async ({ to, id, subject, text, html }, signal) => {
    try {
      await transport.sendMail({
        from: sender,
        to: { name: '', address: to },
        messageId: `<${id}@${sender.address.slice(sender.address.lastIndexOf('@') + 1)}>`,
        subject,
        text,
        html,
        // Suppresses automatic replies, such as out-of-office replies (RFC 3834).
        headers: { 'Auto-Submitted': 'auto-generated' },
        signal
      })
    } catch (error) {
      throw toMailError(error)
    }
  }
}

const loadNodemailer = async () => {
  try {
    return await import('nodemailer')
  } catch (cause) {
    throw new Error('SMTP_URL is set, but nodemailer is not installed. Run `npm install nodemailer`.', { cause })
  }
}

const isLocal = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

/** Returns the connection options of nodemailer. A password is sent only over TLS, except to a server on this machine. */
const connectionOf = (text: string) => {
  const { protocol, hostname, port, username, password } = new URL(text)
  const host = hostname.replace(/^\[|\]$/g, '')
  const isSecure = protocol === 'smtps:'
  return {
    host,
    port: port ? Number(port) : isSecure ? 465 : 587,
    secure: isSecure,
    requireTLS: !isSecure && password !== '' && !isLocal(host),
    ...(username ? { auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) } } : {})
  }
}

const senderOf = (from: string): { name: string; address: string } => {
  const [, name = '', address = from] = /^([^<]*) <(.*)>$/.exec(from) ?? []
  return { name: name.trim(), address }
}

/**
 * The error codes with which nodemailer reports that the server rejected a mail or a recipient. Other codes concern the
 * connection or the login.
 */
const OF_THE_MAIL: ReadonlySet<unknown> = new Set(['EENVELOPE', 'EMESSAGE'])

const AUTHENTICATION_REQUIRED = 530

const toMailError = (error: unknown): MailError => {
  const { code, responseCode } = Object(error) as { code?: unknown; responseCode?: unknown }
  const response = typeof responseCode === 'number' ? responseCode : undefined
  return new MailError({
    code: typeof code === 'string' ? code : 'unknown',
    responseCode: response,
    // If the server rejects the login or the greeting with 5xx, the failure is not permanent. The configuration is wrong, and
    // the mail can be sent after the operator has corrected the configuration.
    isPermanent:
      OF_THE_MAIL.has(code) && response !== AUTHENTICATION_REQUIRED && (response === undefined || response >= 500)
  })
}
