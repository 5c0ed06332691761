/** Tests that no secret of an account is stored in plain text or logged. Searches a dump of the database and the log. */
import { expect, test } from 'vitest'
import { passTime } from '../support/sessions.ts'
import { PASSWORD } from '../support/start-chat.ts'
import { startMailChat } from '../support/start-mail-chat.ts'
import { codeAt } from '../support/two-factor.ts'

const NEW = 'OtherPass456'
const ORIGIN = 'https://chat.example.com'

test('passwords, tokens, links, codes, challenges and addresses are neither in a dump nor in the log', async () => {
  const chat = await startMailChat({ logLevel: 'trace' })
  const { call, database, mail } = chat
  const secrets: Record<string, unknown> = { PASSWORD, NEW }
  const address = 'ada.private@example.org'
  await chat.verified('ada', address)
  const credentials = { username: 'ada', password: PASSWORD }

  const plain = (await call('POST', '/api/auth/login', { body: credentials })).body
  const withRefresh = (await call('POST', '/api/auth/login', { body: { ...credentials, session: true } })).body
  const byCookie = await call('POST', '/api/auth/login', {
    body: { ...credentials, cookie: true },
    headers: { origin: ORIGIN }
  })
  const [cookie = ''] = (byCookie.headers.get('set-cookie') ?? '').split(';')
  await passTime(database, 31)
  const refreshed = (await call('POST', '/api/auth/refresh', { body: { refresh_token: withRefresh.refresh_token } }))
    .body
  Object.assign(secrets, {
    'access token': plain.access_token,
    'refresh token': withRefresh.refresh_token,
    'secret of the refresh token': withRefresh.refresh_token.split('.')[2],
    'next refresh token': refreshed.refresh_token,
    'secret of the next refresh token': refreshed.refresh_token.split('.')[2],
    cookie: cookie.split('=')[1],
    'secret of the cookie': cookie.split('=')[1]?.split('.')[2]
  })

  const token = plain.access_token
  await database.administration.change(null, 1, { role: 'admin' })
  await expect
    .poll(async () => {
      const { status, body } = await call('POST', '/api/admin/invitations', { token, body: {} })
      secrets.invitation = body.invitation
      return status
    })
    .toBe(201)
  const { secret } = (await call('POST', '/api/auth/totp', { token })).body
  const code = codeAt(secret, Date.now())
  const { recovery_codes: codes } = (await call('POST', '/api/auth/totp/confirm', { token, body: { code } })).body
  const { challenge } = (await call('POST', '/api/auth/login', { body: credentials })).body
  await call('POST', '/api/auth/totp/login', { body: { challenge, code: codes[0] } })
  const passkey = (await call('POST', '/api/auth/passkeys/options', { token })).body.challenge
  Object.assign(secrets, { totp: secret, challenge, 'challenge of a passkey': passkey })
  for (const [at, one] of codes.entries()) {
    secrets[`recovery code ${at}`] = one
    secrets[`recovery code ${at} without hyphens`] = one.replaceAll('-', '')
  }

  await call('POST', '/api/auth/password/forgot', { body: { email: address } })
  await expect.poll(() => mail.mails.some(({ link }) => link?.includes('#reset='))).toBe(true)
  const reset = mail.mails.find(({ link }) => link?.includes('#reset='))?.token
  await call('POST', '/api/auth/login', { body: { ...credentials, password: 'WrongPass789' } })
  const changed = await call('POST', '/api/auth/password/reset', { body: { token: reset, password: NEW } })
  expect(changed.status).toBe(204)
  for (const [at, { token: ofMail }] of mail.mails.entries()) if (ofMail) secrets[`token of mail ${at}`] = ofMail
  Object.assign(secrets, { 'wrong password': 'WrongPass789', address, 'part of the address': 'ada.private' })

  await chat.idle()
  const [dump, log] = [await chat.dump(), chat.log()]
  // The dump and the log must contain these texts. This shows that the search works.
  expect(dump).toContain(withRefresh.session_id)
  expect(log).toContain('a mail was sent')
  for (const [name, value] of Object.entries(secrets)) {
    expect(String(value).length, name).toBeGreaterThan(8)
    expect({ name, isStored: dump.includes(String(value)) }).toEqual({ name, isStored: false })
    expect({ name, isLogged: log.includes(String(value)) }).toEqual({ name, isLogged: false })
  }
  expect(Object.keys(secrets).length).toBeGreaterThan(30)
})
