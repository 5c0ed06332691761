import { describe, expect, test } from 'vitest'
import { resolveSettings } from '../../src/config/resolve.ts'
import type { Mode } from '../../src/config/settings/define.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'

const resolve = (values: Record<string, string>, mode: Mode = 'production') =>
  resolveSettings({
    values: { databaseUrl: 'postgres://a:b@c/d', secretKey: SECRET_KEY, encryptionKey: ENCRYPTION_KEY, ...values },
    mode,
    names: 'environment'
  })

const smtpUrl = 'smtp://chat:hunter2@mail.example.com:587'
const mailFrom = 'Chat <chat@example.com>'

describe('the settings of mail', () => {
  test.each([
    { smtpUrl, mailFrom, publicUrl: 'https://chat.example.com' },
    { smtpUrl, mailFrom, mailLinkUrl: 'https://app.example.com/account' },
    { smtpUrl: 'smtps://mail.example.com', mailFrom: 'chat@example.com', publicUrl: 'https://chat.example.com' },
    { smtpUrl: 'smtp://[::1]:25/', mailFrom, publicUrl: 'https://chat.example.com' }
  ])('are complete: %j', values => {
    expect(resolve(values).settings).toMatchObject(values)
  })

  test.each([
    [{ smtpUrl, publicUrl: 'https://chat.example.com' }, 'MAIL_FROM is missing'],
    [{ smtpUrl, mailFrom }, 'SMTP_URL requires PUBLIC_URL'],
    [{ smtpUrl: 'smtp://chat:hunter2@', mailFrom }, 'SMTP_URL must be smtp://'],
    [{ smtpUrl: 'smtp://chat:hunter2@mail/path', mailFrom }, 'SMTP_URL must be smtp://'],
    [{ smtpUrl: 'smtp://chat:hunter2%@mail', mailFrom }, 'SMTP_URL must be smtp://'],
    [{ smtpUrl: 'smtp://ch%E4t:hunter2@mail', mailFrom }, 'SMTP_URL must be smtp://'],
    [{ smtpUrl: 'http://chat:hunter2@mail', mailFrom }, 'SMTP_URL must be smtp://'],
    [{ mailFrom: 'chat@example.com\r\nBcc: x@example.com' }, 'MAIL_FROM must be an address'],
    [{ mailLinkUrl: 'https://example.com/#a' }, 'MAIL_LINK_URL must be'],
    [{ requireVerifiedEmail: 'true' }, 'REQUIRE_VERIFIED_EMAIL requires SMTP_URL']
  ])('are rejected without quoting them: %j', (values, message) => {
    const failing = () => resolve(values)
    expect(failing).toThrow(message)
    expect(failing).not.toThrow(/hunter2/)
  })

  test('allow REQUIRE_VERIFIED_EMAIL without a server in dev, because dev prints mails', () => {
    expect(resolve({ requireVerifiedEmail: 'true' }, 'dev').settings.requireVerifiedEmail).toBe(true)
  })

  test('warn about links that lead to a page that is not served', () => {
    const values = { smtpUrl, mailFrom, publicUrl: 'https://chat.example.com', webClient: 'false' }
    expect(resolve(values).warnings).toEqual([expect.stringContaining('MAIL_LINK_URL')])
    const external = { authLocal: 'false', authIssuer: 'https://issuer.example', authAudience: 'chat' }
    const withoutAccounts = resolve({ ...values, webClient: 'true', ...external })
    expect(withoutAccounts.warnings).toEqual([expect.stringMatching(/^AUTH_LOCAL is false.*MAIL_LINK_URL/)])
    expect(resolve({ ...values, mailLinkUrl: 'https://example.com/account' }).warnings).toEqual([])
  })
})
