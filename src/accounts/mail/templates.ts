/** Defines the mails: the text of each kind, and the link that it contains. */
import type { TokenPurpose } from '../../db/repositories/one-time-tokens.ts'

/** The values that a template may use. */
export interface MailData {
  /** The name of the account. */
  readonly username: string
  /** The host name of the service, such as `chat.example.com`. */
  readonly site: string
  readonly params: Readonly<Record<string, string>>
}

export interface MailTemplate {
  readonly subject: (data: MailData) => string
  /** The paragraphs of the mail. If the mail has a link, the link follows the first paragraph. */
  readonly paragraphs: (data: MailData) => readonly string[]
  /** A link with a one-time token that the worker creates when it sends the mail. */
  readonly link?: {
    readonly purpose: TokenPurpose
    /** The name of the token in the fragment of the link. */
    readonly fragment: 'verify' | 'reset'
    readonly lifetimeMs: number
    /** The text of the link in HTML. */
    readonly label: string
  }
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** The time in milliseconds for which a link for a new password is valid. */
export const RESET_LIFETIME_MS = 30 * MINUTE_MS
export const VERIFY_LIFETIME_MS = 24 * HOUR_MS

const IF_NOT_YOU =
  'If it was not you, change your password at once, end all other sessions, and check your second factors.'

/** Creates the template of a notification: a mail without a link. */
const notice = (subject: string, what: (data: MailData) => string, more = IF_NOT_YOU): MailTemplate => ({
  subject: ({ site }) => `${subject} (${site})`,
  paragraphs: data => [what(data), more]
})

const account = ({ username, site }: MailData): string => `your account ${username} at ${site}`

const FACTORS: Readonly<Record<string, string>> = { totp: 'an authenticator app', passkey: 'a passkey' }
const factorOf = ({ params }: MailData): string => FACTORS[params.factor ?? ''] ?? 'a second factor'

/**
 * Every kind of mail except `forgot`. A row of the kind `forgot` is a request for a new password. The worker looks up the user
 * of the address and turns the row into a `reset_password` mail.
 */
export const MAIL_TEMPLATES = {
  verify_email: {
    subject: ({ site }) => `Confirm your e-mail address (${site})`,
    paragraphs: data => [
      `Confirm that this is the e-mail address of ${account(data)}:`,
      'The link is valid for 24 hours and works once. A newer link replaces it.',
      'If you have no such account, ignore this mail: without the confirmation, the address is not used.'
    ],
    link: {
      purpose: 'verify_email',
      fragment: 'verify',
      lifetimeMs: VERIFY_LIFETIME_MS,
      label: 'Confirm the address'
    }
  },
  reset_password: {
    subject: ({ site }) => `Choose a new password (${site})`,
    paragraphs: data => [
      `Choose a new password for ${account(data)}:`,
      'The link is valid for 30 minutes and works once. A newer link replaces it. The new password ends every session.',
      'If you did not ask for it, ignore this mail: your password stays the same.'
    ],
    link: {
      purpose: 'reset_password',
      fragment: 'reset',
      lifetimeMs: RESET_LIFETIME_MS,
      label: 'Choose a new password'
    }
  },
  email_taken: notice(
    'Your e-mail address was entered again',
    data => `Someone entered this e-mail address for another account. It already belongs to ${account(data)}.`,
    'If it was you, log in to that account, or ask for a new password. If it was not you, ignore this mail: nothing has changed.'
  ),
  email_changed: notice(
    'Your e-mail address was changed',
    data => `This is no longer the e-mail address of ${account(data)}. Mails now go to the new address.`,
    'If it was not you, log in, change your password and the address, and end all other sessions.'
  ),
  email_removed: notice(
    'Your e-mail address was removed',
    data =>
      `The e-mail address of ${account(data)} was removed. Without an address, a forgotten password cannot be replaced.`
  ),
  password_changed: notice('Your password was changed', data => `The password of ${account(data)} was changed.`),
  session_reused: notice(
    'A session was ended',
    data =>
      `A session of ${account(data)} was ended, because a refresh token was used again after it had been replaced. Someone may have ` +
      'copied the token.'
  ),
  factor_added: notice(
    'A second factor was added',
    data => `To log in to ${account(data)}, ${factorOf(data)} was added as a second factor.`
  ),
  factor_removed: notice('A second factor was removed', data =>
    data.params.factor === 'all'
      ? `The operator of the service removed all second factors of ${account(data)}.`
      : `For ${account(data)}, ${factorOf(data)} is no longer a second factor.`
  ),
  recovery_codes_created: notice(
    'New recovery codes',
    data => `New recovery codes were created for ${account(data)}. The previous ones no longer work.`
  ),
  recovery_code_used: notice(
    'A recovery code was used',
    data => `A recovery code was used to log in to ${account(data)}. It does not work again.`
  ),
  new_admin: notice('You are an administrator', data => `With ${account(data)}, you can now manage other accounts.`),
  account_deleted: notice(
    'Your account was deleted',
    data => `The account ${data.username} at ${data.site} was deleted.`,
    'If it was not you, ask the operator of the service.'
  )
} as const satisfies Readonly<Record<string, MailTemplate>>

export type MailKind = keyof typeof MAIL_TEMPLATES | 'forgot'

/** Returns the template of a kind, or undefined if a newer release stored the mail. */
export const templateOf = (kind: string): MailTemplate | undefined =>
  Object.hasOwn(MAIL_TEMPLATES, kind) ? MAIL_TEMPLATES[kind as keyof typeof MAIL_TEMPLATES] : undefined
