/** Tests the mail that the owner of a session receives when the use of an old refresh token ends the session. */
import { expect, test } from 'vitest'
import { passTime } from '../../support/sessions.ts'
import { PASSWORD } from '../../support/start-chat.ts'
import { startMailChat } from '../../support/start-mail-chat.ts'

test('the owner is notified once when an old refresh token ends the session', async () => {
  const { call, verified, mail, database, idle } = await startMailChat()
  await verified('john', 'john@example.com')
  const { body } = await call('POST', '/api/auth/login', {
    body: { username: 'john', password: PASSWORD, session: true }
  })
  const refresh = (refresh_token: string) => call('POST', '/api/auth/refresh', { body: { refresh_token } })
  let current = body.refresh_token
  for (let number = 2; number < 4; number++) {
    await passTime(database, 31)
    current = (await refresh(current)).body.refresh_token
  }
  expect(mail.mails.filter(({ subject }) => subject.startsWith('A session was ended'))).toEqual([])
  for (let time = 0; time < 2; time++) expect((await refresh(body.refresh_token)).status).toBe(401)
  const [notice] = await mail.to('john@example.com', 2)
  expect(notice?.subject).toMatch(/^A session was ended/)
  expect(notice?.text).toContain('john')
  expect(notice?.raw).not.toContain(body.session_id)
  expect(notice?.link).toBeUndefined()
  await idle()
  expect(mail.attempts).toHaveLength(2)
  expect((await refresh(current)).status).toBe(401)
})
