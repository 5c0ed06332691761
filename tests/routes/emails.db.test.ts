/** Tests the e-mail addresses of users, over HTTP and with an SMTP server. */
import { describe, expect, test } from 'vitest'
import { createKeyring } from '../../src/crypto/keyring.ts'
import { fakeClock } from '../support/clock.ts'
import { PASSWORD, startChat } from '../support/start-chat.ts'
import { type MailChat, mailValues, startMailChat } from '../support/start-mail-chat.ts'
import { challengeOf, enrol, enterCode } from '../support/two-factor.ts'

const me = async ({ call }: MailChat, token: string) => (await call('GET', '/api/users/me', { token })).body
const register = ({ call }: MailChat, username: string, email?: string) =>
  call('POST', '/api/auth/register', { body: { username, password: PASSWORD, email } })
const put = ({ call }: MailChat, token: string, email: string) =>
  call('PUT', '/api/users/me/email', { token, body: { email } })
const verify = ({ call }: MailChat, token: string | undefined) =>
  call('POST', '/api/auth/email/verify', { body: { token } })
const tokenOf = async ({ login }: MailChat, username: string) => (await login(username)).body.access_token ?? ''

describe('an address', () => {
  test('that was given at registration is pending until its link is used, once', async () => {
    const chat = await startMailChat()
    const registered = await register(chat, 'john', 'John@Example.com')
    expect(registered.status).toBe(201)
    expect(registered.body).not.toHaveProperty('email')
    const token = await tokenOf(chat, 'john')
    expect(await me(chat, token)).toMatchObject({ email: 'John@example.com', email_is_verified: false })
    const [mail] = await chat.mail.to('John@example.com')
    expect(mail?.link).toMatch(/^https:\/\/chat\.example\.com\/app#verify=[\w-]{43}$/)
    expect((await verify(chat, mail?.token)).status).toBe(204)
    expect(await me(chat, token)).toMatchObject({ email: 'John@example.com', email_is_verified: true })
    expect((await verify(chat, mail?.token)).body).toMatchObject({ status: 410, code: 'link_expired' })
  })

  test('that is not valid is rejected, and no user is created', async () => {
    const chat = await startMailChat()
    for (const email of ['john', 'john@localhost', 'john@example.com\nBcc: x@example.com', 'a@b..com']) {
      const { status, body } = await register(chat, 'john', email)
      expect(status).toBe(422)
      expect(body.errors).toEqual([expect.objectContaining({ path: '/body/email' })])
    }
    expect(await chat.database.users.findByUsername('john')).toBeUndefined()
  })

  test('that is changed stays until the new one is verified, and is then notified', async () => {
    const chat = await startMailChat()
    const { token } = await chat.verified('john', 'old@example.com')
    expect((await put(chat, token, 'new@example.com')).status).toBe(202)
    expect(await me(chat, token)).toMatchObject({
      email: 'old@example.com',
      email_is_verified: true,
      pending_email: 'new@example.com'
    })
    const [mail] = await chat.mail.to('new@example.com')
    expect((await verify(chat, mail?.token)).status).toBe(204)
    const after = await me(chat, token)
    expect(after).toMatchObject({ email: 'new@example.com', email_is_verified: true })
    expect(after).not.toHaveProperty('pending_email')
    const [notice] = await chat.mail.to('old@example.com', 2)
    expect(notice).toMatchObject({ subject: expect.stringContaining('was changed'), link: undefined })
  })

  test('that is removed is notified, and is free for others', async () => {
    const chat = await startMailChat()
    const { token } = await chat.verified('john', 'john@example.com')
    expect((await chat.call('DELETE', '/api/users/me/email', { token })).status).toBe(204)
    expect(await me(chat, token)).toMatchObject({ email_is_verified: false })
    const [notice] = await chat.mail.to('john@example.com', 2)
    expect(notice?.subject).toContain('was removed')
    const jane = await chat.verified('jane', 'JOHN@example.com')
    expect(await me(chat, jane.token)).toMatchObject({ email: 'JOHN@example.com', email_is_verified: true })
  })

  test('that equals the verified one sends no mail, and discards the pending one', async () => {
    const chat = await startMailChat()
    const { token } = await chat.verified('john', 'john@example.com')
    await put(chat, token, 'new@example.com')
    const [mail] = await chat.mail.to('new@example.com')
    expect((await put(chat, token, 'JOHN@example.com')).status).toBe(202)
    expect(await me(chat, token)).not.toHaveProperty('pending_email')
    expect((await verify(chat, mail?.token)).status).toBe(410)
    await chat.idle()
    expect(chat.mail.mails).toHaveLength(2)
  })

  test('cannot be changed or removed without a recent proof', async () => {
    const chat = await startMailChat()
    const { token } = await chat.verified('john', 'john@example.com')
    await chat.database.client.query(`update "${chat.database.schema}".sessions set proven_at = null`)
    for (const { body } of [
      await put(chat, token, 'new@example.com'),
      await chat.call('DELETE', '/api/users/me/email', { token })
    ]) {
      expect(body).toMatchObject({ status: 403, code: 'proof_required' })
    }
  })
})

describe('an address of another user', () => {
  test('is not revealed: the owner is notified, and every response is the same', async () => {
    const chat = await startMailChat()
    await chat.verified('john', 'john@example.com')
    const eve = await chat.verified('eve', 'eve@example.com')
    const free = await put(chat, eve.token, 'free@example.com')
    const freeMe = await me(chat, eve.token)
    const taken = await put(chat, eve.token, 'John@Example.COM')
    const takenMe = await me(chat, eve.token)
    expect([taken.status, taken.body]).toEqual([free.status, free.body])
    expect({ ...takenMe, pending_email: '' }).toEqual({ ...freeMe, pending_email: '' })
    const registered = await register(chat, 'mallory', 'john@example.com')
    expect(registered.status).toBe(201)
    const [second, first] = await chat.mail.to('john@example.com', 3)
    for (const notice of [first, second]) {
      expect(notice?.subject).toContain('was entered again')
      expect(notice?.link).toBeUndefined()
      expect(notice?.text).not.toMatch(/eve|mallory/)
    }
  })

  test('gets three mails per hour, regardless of how many accounts enter it and whether it is taken', async () => {
    const chat = await startMailChat()
    await chat.verified('john', 'john@example.com')
    for (const name of ['one', 'two', 'three', 'four']) {
      for (const email of ['john@example.com', 'free@example.com'])
        await register(chat, `${name}-${email.slice(0, 4)}`, email)
    }
    await chat.idle()
    const to = (address: string) => chat.mail.mails.filter(mail => mail.to === address).length
    expect([to('john@example.com'), to('free@example.com')]).toEqual([3, 3])
  })

  test('does not change the limit of the user who enters it', async () => {
    const chat = await startMailChat()
    await chat.verified('john', 'john@example.com')
    await register(chat, 'eve', 'eve@example.com')
    const token = await tokenOf(chat, 'eve')
    for (const email of ['john@example.com', 'a@example.com', 'b@example.com']) await put(chat, token, email)
    await chat.idle()
    expect(chat.mail.mails.map(({ to }) => to)).not.toContain('b@example.com')
  })

  test('can be pending for several users, and belongs to the first who confirms it', async () => {
    const chat = await startMailChat()
    for (const name of ['one', 'two']) await register(chat, name, 'shared@example.com')
    const links = await chat.mail.to('shared@example.com', 2)
    const results = await Promise.all(links.map(({ token }) => verify(chat, token)))
    expect(results.map(({ status }) => status).sort()).toEqual([204, 410])
    const verified = await chat.database.client.query(
      `select 1 from "${chat.database.schema}".emails where state = 'verified'`
    )
    expect(verified).toHaveLength(1)
  })
})

describe('a link', () => {
  test('is void after a newer one, and after another address', async () => {
    const chat = await startMailChat()
    await register(chat, 'john', 'john@example.com')
    const token = await tokenOf(chat, 'john')
    await chat.mail.to('john@example.com')
    await put(chat, token, 'john@example.com')
    const [newer, older] = await chat.mail.to('john@example.com', 2)
    expect((await verify(chat, older?.token)).status).toBe(410)
    await put(chat, token, 'other@example.com')
    const [other] = await chat.mail.to('other@example.com')
    expect((await verify(chat, newer?.token)).status).toBe(410)
    expect((await verify(chat, other?.token)).status).toBe(204)
  })

  test('is void after a new generation of the user, as after a change of the password', async () => {
    const chat = await startMailChat()
    await register(chat, 'john', 'john@example.com')
    const [mail] = await chat.mail.to('john@example.com')
    await chat.database.client.query(`update "${chat.database.schema}".users set generation = generation + 1`)
    expect((await verify(chat, mail?.token)).status).toBe(410)
  })

  test('stays valid when the limit of mails prevents further mails', async () => {
    const chat = await startMailChat()
    await register(chat, 'john', 'john@example.com')
    const token = await tokenOf(chat, 'john')
    // Waits until each mail is sent, because each new link makes the previous one void. A mail with a void link is not sent.
    for (let at = 1; at <= 3; at++) {
      await chat.mail.to('john@example.com', at)
      await chat.idle()
      if (at < 3) await put(chat, token, 'john@example.com')
    }
    expect((await put(chat, token, 'John@example.com')).status).toBe(202)
    await chat.idle()
    const links = await Promise.all(chat.mail.mails.map(mail => verify(chat, mail.token)))
    expect(links.map(({ status }) => status).sort()).toEqual([204, 410, 410])
  })

  test('is void when it has expired', async () => {
    const chat = await startMailChat()
    await register(chat, 'john', 'john@example.com')
    const [mail] = await chat.mail.to('john@example.com')
    await chat.database.client.query(
      `update "${chat.database.schema}".one_time_tokens set expires_at = clock_timestamp() - interval '1 second'`
    )
    expect((await verify(chat, mail?.token)).status).toBe(410)
  })

  test('is void for a suspended user', async () => {
    const chat = await startMailChat()
    await register(chat, 'john', 'john@example.com')
    const [mail] = await chat.mail.to('john@example.com')
    await chat.database.client.query(`update "${chat.database.schema}".users set status = 'suspended'`)
    expect((await verify(chat, mail?.token)).status).toBe(410)
  })

  test('leads to MAIL_LINK_URL if it is set', async () => {
    const chat = await startMailChat({ mailLinkUrl: 'https://app.example.com/account?a=1' })
    await register(chat, 'john', 'john@example.com')
    const [mail] = await chat.mail.to('john@example.com')
    expect(mail?.link).toMatch(/^https:\/\/app\.example\.com\/account\?a=1#verify=[\w-]{43}$/)
  })
})

describe('a forgotten password', () => {
  test('is replaced with the link that the verified address receives', async () => {
    const chat = await startMailChat()
    await chat.verified('john', 'john@example.com')
    const forgot = (email: string) => chat.call('POST', '/api/auth/password/forgot', { body: { email } })
    expect((await forgot('nobody@example.com')).status).toBe(202)
    expect((await forgot('John@EXAMPLE.com')).status).toBe(202)
    const [mail] = await chat.mail.to('john@example.com', 2)
    expect(mail?.link).toMatch(/^https:\/\/chat\.example\.com\/app#reset=[\w-]{43}$/)
    const body = { token: mail?.token, password: 'OtherPass456' }
    expect((await chat.call('POST', '/api/auth/password/reset', { body })).status).toBe(204)
    expect((await chat.login('john')).status).toBe(401)
    expect((await chat.login('john', 'OtherPass456')).status).toBe(200)
    const [notice] = await chat.mail.to('john@example.com', 3)
    expect(notice?.subject).toContain('password was changed')
    expect((await chat.call('POST', '/api/auth/password/reset', { body })).status).toBe(410)
  })

  test('cannot be replaced with a link that was sent before the address changed', async () => {
    const chat = await startMailChat()
    const { token } = await chat.verified('john', 'john@example.com')
    await chat.call('POST', '/api/auth/password/forgot', { body: { email: 'john@example.com' } })
    const [reset] = await chat.mail.to('john@example.com', 2)
    await put(chat, token, 'new@example.com')
    const [mail] = await chat.mail.to('new@example.com')
    expect((await verify(chat, mail?.token)).status).toBe(204)
    const body = { token: reset?.token, password: 'OtherPass456' }
    expect((await chat.call('POST', '/api/auth/password/reset', { body })).status).toBe(410)
  })
})

describe('with REQUIRE_VERIFIED_EMAIL', () => {
  test('a login is rejected until the address is verified, and its challenge sends links', async () => {
    const chat = await startMailChat({ requireVerifiedEmail: true })
    await register(chat, 'john')
    const wrong = await chat.login('john', 'WrongPass123')
    expect(wrong.body).toMatchObject({ status: 401, code: 'invalid_credentials' })
    const { body } = await chat.login('john')
    expect(body).toMatchObject({
      status: 403,
      code: 'email_not_verified',
      challenge: expect.stringMatching(/^[\w-]{43}$/)
    })
    const resend = (email?: string) =>
      chat.call('POST', '/api/auth/email', { body: { challenge: body.challenge, email } })
    expect((await resend()).body).toMatchObject({ status: 422, code: 'validation_failed' })
    expect((await resend('john@example.com')).status).toBe(202)
    await chat.mail.to('john@example.com')
    expect((await resend()).status).toBe(202)
    const [mail] = await chat.mail.to('john@example.com', 2)
    expect((await verify(chat, mail?.token)).status).toBe(204)
    const { body: session } = await chat.login('john')
    const token = session.access_token ?? ''
    expect(await me(chat, token)).toMatchObject({ email_is_verified: true })
    expect((await chat.call('DELETE', '/api/users/me/email', { token })).body).toMatchObject({ code: 'not_allowed' })
  })

  test('a challenge is refused after ten requests, after a new generation of its user, and if it is invented', async () => {
    const chat = await startMailChat({ requireVerifiedEmail: true })
    await register(chat, 'john', 'john@example.com')
    const { body } = await chat.login('john')
    const resend = (challenge = body.challenge) => chat.call('POST', '/api/auth/email', { body: { challenge } })
    expect((await resend('invented')).body).toMatchObject({ code: 'invalid_challenge' })
    for (let at = 0; at < 10; at++) expect((await resend()).status).toBe(202)
    expect((await resend()).body).toMatchObject({ code: 'invalid_challenge' })
    await chat.idle()
    expect(chat.mail.mails.length).toBeLessThanOrEqual(3)
    const { body: another } = await chat.login('john')
    await chat.database.client.query(`update "${chat.database.schema}".users set generation = generation + 1`)
    expect((await resend(another.challenge)).status).toBe(401)
  })

  test('a login asks for the second factor before it gives out a challenge for the address', async () => {
    const chat = await startMailChat({ requireVerifiedEmail: true })
    const john = await chat.verified('john', 'john@example.com')
    const { recoveryCodes } = await enrol(chat, { ...john, username: 'john' }, Date.now())
    await chat.database.emails.removeOf(john.id)
    const challenge = await challengeOf(chat, 'john')
    const body = { challenge, email: 'mallory@example.com' }
    expect((await chat.call('POST', '/api/auth/email', { body })).body).toMatchObject({ code: 'invalid_challenge' })
    const continued = await enterCode(chat, challenge, recoveryCodes[0] ?? '')
    expect(continued.body).toMatchObject({ code: 'email_not_verified' })
    const own = { challenge: continued.body.challenge, email: 'john@example.com' }
    expect((await chat.call('POST', '/api/auth/email', { body: own })).status).toBe(202)
  })

  test('a challenge is void when the address has been verified', async () => {
    const chat = await startMailChat({ requireVerifiedEmail: true })
    await register(chat, 'john', 'john@example.com')
    const { challenge } = (await chat.login('john')).body
    const [mail] = await chat.mail.to('john@example.com')
    await verify(chat, mail?.token)
    for (const email of [undefined, 'mallory@example.com']) {
      const { body } = await chat.call('POST', '/api/auth/email', { body: { challenge, email } })
      expect(body).toMatchObject({ code: 'invalid_challenge' })
    }
    const token = await tokenOf(chat, 'john')
    expect(await me(chat, token)).not.toHaveProperty('pending_email')
  })

  test('the start logs how many users cannot log in before they verify an address', async () => {
    const before = await startMailChat()
    await before.verified('john', 'john@example.com')
    await register(before, 'jane', 'jane@example.com')
    await register(before, 'jim')
    const { log } = await startMailChat({ requireVerifiedEmail: true }, {}, { database: before.database })
    await expect
      .poll(
        () =>
          log()
            .split('\n')
            .find(line => line.includes('REQUIRE_VERIFIED_EMAIL')) ?? ''
      )
      .toMatch(/"users":2\b/)
  })
})

describe('without SMTP_URL', () => {
  test('addresses are rejected, and users have no such fields', async () => {
    const { call, register: registered } = await startChat()
    const body = { username: 'john', password: PASSWORD, email: 'john@example.com' }
    expect((await call('POST', '/api/auth/register', { body })).body.errors).toEqual([
      { path: '/body/email', message: expect.stringContaining('sends no mail') }
    ])
    const { token } = await registered('john')
    expect(Object.keys((await call('GET', '/api/users/me', { token })).body).join()).not.toContain('email')
  })

  test('mails that were stored with it are removed when they expire', async () => {
    const clock = fakeClock(Date.now())
    const { database, settings } = await startChat({ clock })
    const { token, keyId } = createKeyring({ current: settings.encryptionKey, now: Date.now }).encrypt('{}')
    await database.outbox.add({ kind: 'new_admin', userId: null, payload: token, keyId, lifetimeMs: -360_000 })
    clock.advance(60_000)
    const left = () => database.client.query(`select id from "${database.schema}".outbox`)
    await expect.poll(left).toEqual([])
  })

  test('mails are printed in dev', async () => {
    const printed: string[] = []
    const { call } = await startChat({ settings: mailValues, printMail: text => printed.push(text) })
    await call('POST', '/api/auth/register', {
      body: { username: 'john', password: PASSWORD, email: 'john@example.com' }
    })
    await expect.poll(() => printed.join('\n')).toMatch(/Mail to john@example\.com: .*\n[\s\S]*#verify=[\w-]{43}/)
  })
})

test('no address, link or token is in the database or in the log', async () => {
  const chat = await startMailChat()
  const { token } = await chat.verified('john', 'john.private@example.org')
  await chat.verified('jane', 'jane.private@example.org')
  await put(chat, token, 'jane.private@example.org')
  await put(chat, token, 'next.private@example.org')
  const mails = [
    ...(await chat.mail.to('next.private@example.org')),
    ...(await chat.mail.to('jane.private@example.org', 2))
  ]
  const tokens = chat.mail.mails.map(mail => mail.token).filter(Boolean)
  expect(mails.length).toBe(3)
  expect(tokens.length).toBe(3)
  await chat.idle()
  const text = `${await chat.dump()}\n${chat.log()}`
  expect(text).toContain('a mail was sent')
  expect(text).not.toMatch(/private|example\.org/i)
  for (const secret of tokens) expect(text).not.toContain(secret)
})
