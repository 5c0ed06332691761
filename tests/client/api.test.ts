/** Tests the SDK's HTTP calls: the requests, and the errors of failed requests. */
import { expect, test } from 'vitest'
import { ChatApiError, createChatApi, type FetchLike } from '../../client/src/index.ts'
import { fakeTimers, settled } from '../support/fake-service.ts'

interface Call {
  readonly url: string
  readonly method: string
  readonly headers: Record<string, string>
  readonly body: string | undefined
}

const api = (response: { status?: number; text?: string; headers?: Record<string, string> } = {}) => {
  const calls: Call[] = []
  const { status = 200, text = '{}', headers = {} } = response
  const fetch: FetchLike = async (url, init) => {
    calls.push({ url, method: init.method, headers: init.headers, body: init.body })
    return { ok: status < 300, status, headers: { get: name => headers[name] ?? null }, text: async () => text }
  }
  return { calls, api: createChatApi({ url: 'http://chat.test/support/', token: () => 'a-token', fetch }) }
}

const failure = async (call: Promise<unknown>): Promise<ChatApiError> => {
  const error = await call.then(
    () => undefined,
    error => error
  )
  if (!(error instanceof ChatApiError)) throw new Error(`The call did not reject with a ChatApiError: ${error}`)
  return error
}

test('requests the resource of each call under the prefix of the service', async () => {
  const { api: chat, calls } = api()
  await chat.register('ada', 'SecurePass123')
  await chat.login('ada', 'SecurePass123')
  await chat.me()
  await chat.rooms({ after: 'general', limit: 10 })
  await chat.createRoom('support', 'Support')
  await chat.showRoom('a:b')
  await chat.history('general', { before: 42 })
  await chat.post('general', 'hello', { nonce: 'n1', meta: { a: 1 } })
  await chat.presence('general')
  expect(calls.map(({ method, url }) => `${method} ${url.replace('http://chat.test/support', '')}`)).toEqual([
    'POST /api/auth/register',
    'POST /api/auth/login',
    'GET /api/users/me',
    'GET /api/chat/rooms?after=general&limit=10',
    'POST /api/chat/rooms',
    'GET /api/chat/rooms/a%3Ab',
    'GET /api/chat/rooms/general/messages?before=42',
    'POST /api/chat/rooms/general/messages',
    'GET /api/chat/rooms/general/presence'
  ])
  expect(calls[0]?.headers.authorization).toBeUndefined()
  expect(calls[2]?.headers.authorization).toBe('Bearer a-token')
  expect(calls[7]).toMatchObject({
    headers: { 'idempotency-key': 'n1' },
    body: '{"content":"hello","meta":{"a":1}}'
  })
})

test('requests rooms, members and users with their parameters', async () => {
  const { api: chat, calls } = api()
  await chat.rooms({ mine: true, query: 'a&b' })
  await chat.createRoom({ visibility: 'private', title: 'Plans' })
  await chat.changeRoom('general', { title: null, topic: 'Everything' })
  await chat.members('general', { after: 7, query: 'ad', limit: 10 })
  await chat.putMember('general', 2)
  await chat.putMember('general', 2, 'owner')
  await chat.removeMember('general', 'me')
  await chat.openDirect([2, 3])
  await chat.searchUsers('ad', 5)
  await chat.pin('a:b', 41)
  await chat.pin('general', 41, { remove: true, nonce: 'n1' })
  await chat.pins('general', { after: 40, limit: 10 })
  await chat.inbox({ after: 'c1', limit: 10 })
  await chat.markRead('general', { up_to: 41 })
  await chat.hideRoom('d.1')
  await chat.unhideRoom('d.1')
  expect(
    calls.map(({ method, url, body }) => [`${method} ${url.replace('http://chat.test/support', '')}`, body])
  ).toEqual([
    ['GET /api/chat/rooms?mine=true&query=a%26b', undefined],
    ['POST /api/chat/rooms', '{"visibility":"private","title":"Plans"}'],
    ['PATCH /api/chat/rooms/general', '{"title":null,"topic":"Everything"}'],
    ['GET /api/chat/rooms/general/members?after=7&query=ad&limit=10', undefined],
    ['PUT /api/chat/rooms/general/members/2', '{}'],
    ['PUT /api/chat/rooms/general/members/2', '{"role":"owner"}'],
    ['DELETE /api/chat/rooms/general/members/me', undefined],
    ['POST /api/chat/direct', '{"users":[2,3]}'],
    ['GET /api/users?query=ad&limit=5', undefined],
    ['PUT /api/chat/rooms/a%3Ab/pins/41', undefined],
    ['DELETE /api/chat/rooms/general/pins/41', undefined],
    ['GET /api/chat/rooms/general/pins?after=40&limit=10', undefined],
    ['GET /api/chat/inbox?after=c1&limit=10', undefined],
    ['PUT /api/chat/rooms/general/read', '{"up_to":41}'],
    ['PUT /api/chat/rooms/d.1/hidden', undefined],
    ['DELETE /api/chat/rooms/d.1/hidden', undefined]
  ])
})

test('rejects with a ChatApiError that has every violated rule and the time to wait', async () => {
  const problem = {
    code: 'validation_failed',
    detail: 'The request is not valid.',
    instance: 'r-1',
    until: '2026-02-01T00:00:00.000+00:00',
    errors: [{ path: '/body/password', message: 'must have a digit' }]
  }
  const { api: chat } = api({ status: 422, text: JSON.stringify(problem), headers: { 'retry-after': '12' } })
  expect(await failure(chat.register('ada', 'x'))).toMatchObject({
    name: 'ChatApiError',
    message: problem.detail,
    status: 422,
    retryAfterMs: 12_000,
    ...problem
  })
})

test('reports the status of an error page of a proxy', async () => {
  const { api: chat } = api({ status: 502, text: '<html>Bad Gateway</html>' })
  expect(await failure(chat.me())).toMatchObject({
    status: 502,
    code: 'unavailable',
    errors: []
  })
})

test('reports a response that is not JSON, and a missing one, as network errors', async () => {
  expect(await failure(api({ text: 'hello' }).api.me())).toMatchObject({ status: 0, code: 'network_error' })
  const fetch: FetchLike = () => Promise.reject(new TypeError('fetch failed'))
  const error = await failure(createChatApi({ url: 'http://chat.test', fetch }).me())
  expect(error).toMatchObject({ status: 0, code: 'network_error', cause: new TypeError('fetch failed') })
})

test('aborts a call after the timeout', async () => {
  const timers = fakeTimers()
  const fetch: FetchLike = (_, { signal }) =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
  const failed = failure(createChatApi({ url: 'http://chat.test', fetch, timers }).me())
  await settled()
  await timers.advance(10_000)
  expect(await failed).toMatchObject({ status: 0, code: 'timeout' })
  expect(timers.waiting).toBe(0)
})

test('distinguishes a failed token callback from an error of the service', async () => {
  const token = () => Promise.reject(new Error('no session'))
  const error = await failure(createChatApi({ url: 'http://chat.test', token }).me())
  expect(error).toMatchObject({ status: 0, code: 'no_token', cause: new Error('no session') })
})
