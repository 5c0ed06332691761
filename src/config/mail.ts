/** Checks that the settings of e-mail are complete. */
import type { BadSetting } from './errors.ts'
import type { Mode } from './settings/define.ts'
import type { SettingsInput } from './settings.ts'

/**
 * Returns the settings that are missing although other settings require them, and the settings that require a missing
 * setting. The base URL of the links in mails is required, because it is never taken from the `Host` header of a request.
 */
export const mailOf = (input: Partial<SettingsInput>, mode: Mode): BadSetting[] => {
  const { smtpUrl, mailFrom, mailLinkUrl, publicUrl, requireVerifiedEmail } = input
  if (smtpUrl === undefined) {
    // `fastify-chat dev` needs no SMTP server, because it prints mails instead of sending them.
    return requireVerifiedEmail && mode === 'production'
      ? [
          {
            name: 'requireVerifiedEmail',
            message: 'requires SMTP_URL (smtpUrl), because addresses are verified by mail'
          }
        ]
      : []
  }
  const bad: BadSetting[] = []
  if (mailFrom === undefined) bad.push({ name: 'mailFrom', message: 'is missing. SMTP_URL (smtpUrl) requires it' })
  if (mailLinkUrl === undefined && publicUrl === undefined) {
    bad.push({
      name: 'smtpUrl',
      message: 'requires PUBLIC_URL (publicUrl) or MAIL_LINK_URL (mailLinkUrl), to which links in mails lead'
    })
  }
  return bad
}
