/** Tests that a mail of a committed change is sent even if the process that stored the mail is killed. Uses the built service. */
import { randomBytes } from 'node:crypto'
import { expect, inject, onTestFinished, test } from 'vitest'
import { openClient } from '../../../src/db/client/open.ts'
import { startBuilt } from '../../support/built-service.ts'
import { type MailServerOptions, startMailServer } from '../../support/mail-server.ts'
import { PASSWORD } from '../../support/start-chat.ts'
import { mailValues } from '../../support/start-mail-chat.ts'

const EMAIL = 'john@example.com'

const start = async (options: MailServerOptions = {}) => {
  const mail = await startMailServer(options)
  const schema = `t_${randomBytes(6).toString('hex')}`
  const client = await openClient({ url: inject('testListenUrl'), poolMax: 1 })
  onTestFinished(async () => {
    await client.query(`drop schema if exists ${schema} cascade`)
    await client.close()
  })
  const startService = () =>
    startBuilt({
      DATABASE_URL: inject('testListenUrl'),
      DATABASE_SCHEMA: schema,
      SMTP_URL: mail.url,
      MAIL_FROM: mailValues.mailFrom,
      PUBLIC_URL: mailValues.publicUrl
    })
  return { mail, client, schema, startService }
}

const post = async (url: string, path: string, body: object) => {
  const headers = { 'content-type': 'application/json' }
  return (await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) })).status
}

const register = (url: string) =>
  post(url, '/api/auth/register', { username: 'john', password: PASSWORD, email: EMAIL })

test('a mail is sent by the next process if its process is killed right after the commit', async () => {
  const { mail, client, schema, startService } = await start()
  await mail.stop()
  const first = await startService()
  expect(await register(first.url)).toBe(201)
  first.child.kill('SIGKILL')
  await first.ended
  await mail.restart()
  // Makes the mail due now, because the first process may already have tried to send it.
  await client.query(`update ${schema}.outbox set next_at = clock_timestamp()`)
  const second = await startService()
  const [received] = await mail.to(EMAIL)
  expect(await post(second.url, '/api/auth/email/verify', { token: received?.token })).toBe(204)
  expect(mail.mails).toHaveLength(1)
})

test('a mail is sent again with the same id, and both links work, if its process is killed while the server accepts it', async () => {
  let accepted = (): void => {}
  const isAccepted = new Promise<void>(resolve => {
    accepted = resolve
  })
  let ended = (): void => {}
  const isEnded = new Promise<void>(resolve => {
    ended = resolve
  })
  let isFirst = true
  const { mail, client, schema, startService } = await start({
    onData() {
      if (!isFirst) return undefined
      isFirst = false
      accepted()
      // The mail server accepts the mail, but delays its response until the process has ended.
      return isEnded
    }
  })
  const first = await startService()
  expect(await register(first.url)).toBe(201)
  await isAccepted
  first.child.kill('SIGKILL')
  await first.ended
  ended()
  await mail.to(EMAIL)
  const second = await startService()
  await client.query(`update ${schema}.outbox set next_at = clock_timestamp()`)
  const [again, before] = await mail.to(EMAIL, 2)
  expect(again?.messageId).toBe(before?.messageId)
  expect(await post(second.url, '/api/auth/email/verify', { token: before?.token })).toBe(204)
  expect(await post(second.url, '/api/auth/email/verify', { token: again?.token })).toBe(410)
})
