/**
 * Tests requests whose body arrives after the user has lost a right that the request needs. Such a request must have no effect.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { connectRaw, requestText } from '../support/raw-http.ts'
import { startChat } from '../support/start-chat.ts'
import { startHost } from '../support/start-host.ts'

/** Time in milliseconds after which the user of a request is no longer cached. */
const CACHED_MS = 600

interface WithheldRequest {
  readonly url: string
  readonly line: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

/** Sends the headers of a request, calls `between` when the service has checked the headers, and then sends the body. */
const withholdBody = async ({ url, line, headers, body }: WithheldRequest, between: () => Promise<unknown>) => {
  const connection = await connectRaw({ port: Number(new URL(url).port), host: '127.0.0.1' })
  const text = JSON.stringify(body)
  const more = { 'content-type': 'application/json', 'content-length': String(text.length), expect: '100-continue' }
  connection.write(requestText(line, { ...headers, ...more }))
  expect((await connection.response()).status).toBe(100)
  await delay(200)
  await between()
  await delay(CACHED_MS)
  connection.write(text)
  const response = await connection.response()
  return { status: response.status, code: response.body === '' ? undefined : JSON.parse(response.body).code }
}

const POST = 'POST /api/chat/rooms/general/messages'

const startOwn = async () => {
  const chat = await startChat()
  const john = await chat.register('john')
  const { client, schema, administration } = chat.database
  const withheld = (line: string, body: unknown, between: () => Promise<unknown>) =>
    withholdBody({ url: chat.url, line, headers: { authorization: `Bearer ${john.token}` }, body }, between)
  const sql = (text: string) => client.query<{ count: number; status: string }>(text.replaceAll('@', `"${schema}".`))
  return { john, administration, withheld, sql }
}

test('stores no message of a user who was suspended before the body arrived', async () => {
  const { john, administration, withheld, sql } = await startOwn()
  const suspend = () => administration.change(null, john.id, { status: 'suspended' })
  expect(await withheld(POST, { content: 'late' }, suspend)).toEqual({ status: 403, code: 'account_suspended' })
  expect(await sql('select from @messages')).toEqual([])
})

test('deletes no account whose session ended before the body arrived', async () => {
  const { withheld, sql } = await startOwn()
  const end = () => sql('delete from @sessions')
  const line = 'DELETE /api/users/me'
  expect(await withheld(line, { erase: true }, end)).toEqual({ status: 401, code: 'invalid_token' })
  expect(await sql('select status from @users')).toEqual([{ status: 'active' }])
})

test('changes no user for an administrator who lost the role or the proof before the body arrived', async () => {
  const { john, administration, withheld, sql } = await startOwn()
  const promote = () => sql(`update @users set role = 'admin' where id = ${john.id}`)
  const line = `PATCH /api/admin/users/${john.id}`
  await promote()
  const expire = () => sql(`update @sessions set proven_at = now() - interval '11 minutes'`)
  await delay(CACHED_MS)
  expect(await withheld(line, { role: 'admin' }, expire)).toEqual({ status: 403, code: 'proof_required' })
  await sql('update @sessions set proven_at = now()')
  const demote = () => sql(`update @users set role = 'user' where id = ${john.id}`)
  expect(await withheld(line, { role: 'admin' }, demote)).toEqual({ status: 403, code: 'not_allowed' })
  expect((await administration.lock(john.id))?.role).toBe('user')
})

test('stores no message of a host user who was suspended or deleted before the body arrived, and authenticates once', async () => {
  let calls = 0
  const host = await startHost({
    authenticate: ({ headers }) => {
      calls++
      return { id: String(headers['x-user']), name: 'Ann' }
    }
  })
  const request = {
    url: host.url,
    line: POST.replace('/api', '/support/api'),
    headers: { 'x-user': 'ann' },
    body: { content: 'late' }
  }
  expect(await withholdBody(request, () => host.chat.suspend('ann'))).toEqual({
    status: 403,
    code: 'account_suspended'
  })
  expect(await withholdBody(request, async () => {})).toEqual({ status: 403, code: 'account_suspended' })
  await host.chat.restore('ann')
  await delay(CACHED_MS)
  expect(await withholdBody(request, () => host.chat.deleteUser('ann'))).toEqual({
    status: 403,
    code: 'account_deleted'
  })
  expect(calls).toBe(3)
  expect(await host.database.client.query(`select from "${host.database.schema}".messages`)).toEqual([])
})
