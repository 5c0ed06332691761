/** Tests the connection to an SMTP server. */
import { expect, test, vi } from 'vitest'
import { createSmtp } from '../../../src/accounts/mail/smtp.ts'
import { smtpError, startMailServer } from '../../support/mail-server.ts'

const mail = { to: 'jürgen@example.com', id: 'abc', subject: 'Hello', text: 'Hello', html: '<p>Hello</p>' }
const from = 'chat@example.com'

test('a start without nodemailer names the command that installs it', async () => {
  vi.doMock('nodemailer', () => {
    throw new Error('Cannot find package')
  })
  vi.resetModules()
  const { createSmtp: created } = await import('../../../src/accounts/mail/smtp.ts')
  await expect(created({ url: 'smtp://localhost', from })).rejects.toThrow(/npm install nodemailer/)
  vi.doUnmock('nodemailer')
})

test('the error of a rejected mail does not contain the response of the server, which may name the address', async () => {
  const server = await startMailServer({
    onRecipient(address) {
      throw smtpError(550, `no such user ${address}`)
    }
  })
  const send = await createSmtp({ url: server.url, from })
  const error: Error & { cause?: unknown } = await send(
    { ...mail, to: 'john@example.com' },
    new AbortController().signal
  ).then(
    () => new Error('sent'),
    thrown => thrown
  )
  expect(error).toMatchObject({ isPermanent: true, responseCode: 550, code: 'EENVELOPE' })
  expect(`${error.message} ${error.stack} ${error.cause} ${JSON.stringify(error)}`).not.toContain('john@')
})

test('a password is never sent over a connection without TLS to another machine', async () => {
  const server = await startMailServer({ login: ['chat', 'secret'] })
  // This address leads to this machine, but does not count as local. So the password is sent only over TLS.
  const send = await createSmtp({ url: server.url.replace('127.0.0.1', '0.0.0.0'), from })
  await expect(send({ ...mail, to: 'john@example.com' }, new AbortController().signal)).rejects.toMatchObject({
    isPermanent: false
  })
  expect(server.mails).toEqual([])
  const local = await createSmtp({ url: server.url, from })
  await local({ ...mail, to: 'john@example.com' }, new AbortController().signal)
  expect(server.mails).toHaveLength(1)
})

test('an aborted mail is not sent', async () => {
  const server = await startMailServer()
  const send = await createSmtp({ url: server.url, from })
  await expect(send({ ...mail, to: 'john@example.com' }, AbortSignal.abort())).rejects.toThrow()
  expect(server.attempts).toEqual([])
})
