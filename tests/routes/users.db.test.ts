/** Tests the profile of a user over HTTP, and the features that the service offers. */
import { expect, test } from 'vitest'
import { startChat } from '../support/start-chat.ts'

test('a display name is set, shown to its owner and to administrators, and removed with null', async () => {
  const { call, register, database } = await startChat()
  const { id, token } = await register('john')
  const change = (name: unknown) => call('PATCH', '/api/users/me', { token, body: { display_name: name } })
  expect(await change('John Doe')).toMatchObject({ status: 200, body: { username: 'john', display_name: 'John Doe' } })
  await database.client.query(`update ${database.schema}.users set role = 'admin' where id = ${id}`)
  // Polls, because the service caches the former role for half a second.
  await expect
    .poll(async () => (await call('GET', '/api/admin/users', { token })).body.users)
    .toMatchObject([{ username: 'john', display_name: 'John Doe' }])
  expect((await change('')).body).toMatchObject({ status: 422, code: 'validation_failed' })
  expect((await change('\u200b')).body).toMatchObject({ status: 422, code: 'validation_failed' })
  expect((await change(null)).body).not.toHaveProperty('display_name')
  expect((await call('GET', '/api/users/me', { token })).body).not.toHaveProperty('display_name')
})

test('a display name is set right after a change of the password, on every process', async () => {
  const one = await startChat()
  const two = await startChat({ database: one.database })
  const { token } = await one.register('john')
  const change = ({ call }: typeof one) => call('PATCH', '/api/users/me', { token, body: { display_name: 'John Doe' } })
  // This request makes the second process cache the user and the session. After the change of the password, they are outdated.
  expect((await change(two)).status).toBe(200)
  expect((await one.call('POST', '/api/users/me/password', { token, body: { new: 'OtherPass456' } })).status).toBe(204)
  for (const chat of [two, one]) expect((await change(chat)).status).toBe(200)
})

test('the features of the service depend on its settings, and need no token', async () => {
  const publicUrl = 'https://chat.example.com'
  const { call } = await startChat({ settings: { registration: 'invite', publicUrl }, printMail: () => {} })
  expect((await call('GET', '/api/auth/features')).body).toEqual({
    registration: 'invite',
    mail: true,
    verified_email: false,
    passkeys: true
  })
})
