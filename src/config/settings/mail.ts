/** The settings of e-mail. Without `smtpUrl`, the service sends no mail. */
import { flag, optional, ownedBy, text } from './define.ts'
import { ENCODING, isServiceUrl } from './service-url.ts'

const SMTP_FORM = 'smtp://USER:PASSWORD@HOST:PORT, or smtps:// for TLS from the start'

/** Returns an error for a URL that cannot be parsed, or whose user or password cannot be decoded. */
const isSmtpUrl = (value: unknown): string[] =>
  isServiceUrl(value, /^\/?$/) ? [] : [`must be ${SMTP_FORM}. ${ENCODING}`]

const isUrl = (value: unknown): string[] => (URL.canParse(String(value)) ? [] : ['cannot be read as a URL'])

export const mailSettings = ownedBy('mail', {
  smtpUrl: optional(
    text({
      pattern: '^smtps?://[^\\s?#]+$',
      'x-rule': `must be ${SMTP_FORM}`,
      description:
        'The SMTP server that sends mails: `smtp://USER:PASSWORD@HOST:PORT`, or `smtps://…` for TLS from the start. Without it, the service sends no mail. Requires `MAIL_FROM`, and `PUBLIC_URL` or `MAIL_LINK_URL`.',
      check: isSmtpUrl
    })
  ),
  mailFrom: optional(
    text({
      maxLength: 320,
      pattern: '^([^<>"\\r\\n]{1,100} <[^@\\s<>"]+@[^@\\s<>"]+>|[^@\\s<>"]+@[^@\\s<>"]+)$',
      'x-rule': 'must be an address such as chat@example.com, or a name and an address such as Chat <chat@example.com>',
      description: 'The sender of mails: `chat@example.com`, or `Chat <chat@example.com>`.'
    })
  ),
  mailLinkUrl: optional(
    text({
      pattern: '^https?://[^\\s#]+$',
      'x-rule': 'must be an http:// or https:// URL without a fragment',
      description:
        'The page that links in mails lead to, for applications with a page of their own. It receives `#verify=TOKEN` or `#reset=TOKEN`.',
      derived: '`PUBLIC_URL` and `/app`',
      check: isUrl
    })
  ),
  requireVerifiedEmail: flag(false, {
    description: 'Whether only users with a verified e-mail address may log in. Requires `SMTP_URL`.'
  })
})
