/** Checks that the settings of e-mail are complete. */
import type { BadSetting } from './errors.ts'
import type { Mode } from './settings/define.ts'
import type { SettingsInput } from './settings.ts'

/**
 * Returns the settings that are required to send mails but are missing. The URL of links must be set, because links are never
 * built from the `Host` header of a request.
 */
export const mailOf = (input: Partial<SettingsInput>, mode: Mode): BadSetting[] => {
  const { smtpUrl, mailFrom, mailLinkUrl, publicUrl, requireVerifiedEmail } = input
  if (smtpUrl === undefined) {
    // `fastify-chat dev` prints mails instead of sending them.
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
