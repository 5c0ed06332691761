/**
 * Sends requests that are generated from the OpenAPI document to a running service. Every response must be documented, and none
 * may have a 5xx status. A failure prints its seed. Set PROPERTY_SEED to repeat a run, and FUZZ_RUNS to change the number of
 * requests.
 */
import { expect, onTestFinished, test } from 'vitest'
import type { Settings } from '../../src/config/settings.ts'
import fc, { SEED } from '../support/properties.ts'
import { startChat } from '../support/start-chat.ts'
import { faultsOf, isFlow, type Operation, operationOf, operations, undocumented } from './document.ts'
import { createSender, type Reply, type Sent } from './http.ts'
import { oddSegment, requestsTo } from './requests.ts'

/** Maximum number of rounds until a request succeeds. */
const MAX_ROUNDS = 10
const bounds = { numRuns: Number(process.env.FUZZ_RUNS ?? 80) }
/** The timeout is long because each test sends many requests. */
const OPTIONS = { timeout: 300_000 }

/**
 * Starts a service with one user, who has sent a message. The login example needs the user `john`. The registration example
 * needs a service without `john`.
 */
const start = async (settings: Partial<Settings> = {}, username = 'john') => {
  const { url, register, database, call } = await startChat({
    settings: { messageRateLimit: 0, readRateLimit: 0, logLevel: 'silent', ...settings }
  })
  const { token } = await register(username)
  await call('POST', '/api/chat/rooms/general/messages', { token, body: { content: 'Hello' } })
  const { send, close } = createSender(url)
  onTestFinished(close)
  const resetRateLimits = async () => {
    await database.client.query(`delete from "${database.schema}".rate_limits`, [])
    await database.client.query(`delete from "${database.schema}".login_throttles`, [])
  }
  return { token, send, resetRateLimits }
}

const describeFailure = (fault: string, { method, path, headers, body }: Sent, { status, text }: Reply): string =>
  [
    fault,
    `${method} ${path}`,
    JSON.stringify(headers),
    String(body).slice(0, 300),
    `${status} ${text.slice(0, 600)}`
  ].join('\n')

const check = (operation: Operation, sent: Sent, reply: Reply): void => {
  const fault = reply.status >= 500 ? 'a 5xx' : undocumented(operation, reply)
  if (fault) throw new Error(describeFailure(fault, sent, reply))
}

test.for(operations.map(({ operationId }) => operationId))(
  '%s responds to generated requests as documented',
  OPTIONS,
  async id => {
    const operation = operationOf(id)
    const { token, send, resetRateLimits } = await start({}, id === 'register' ? 'jane' : 'john')
    const statuses = new Set<number>()
    const isCovered = (): boolean => [...statuses].some(status => status < 300)
    const property = fc.asyncProperty(requestsTo(operation, token), async request => {
      // The limit on new rooms and the login throttle are not configurable, and would reject most requests.
      if (id === 'createRoom' || id === 'login') await resetRateLimits()
      const reply = await send(request)
      check(operation, request, reply)
      statuses.add(reply.status)
    })
    await fc.assert(property, bounds)
    // At least one request must succeed. Otherwise, the test would cover only error responses. So further rounds are run until
    // one succeeds. Steps of flows are exempt, because they cannot succeed without earlier requests.
    if (isFlow(operation)) return
    for (let round = 1; round < MAX_ROUNDS && !isCovered(); round++)
      await fc.assert(property, { ...bounds, seed: SEED + round })
    expect([...statuses].filter(status => status < 300)).not.toEqual([])
  }
)

test('login rejects all requests above its rate limit with the documented 429', OPTIONS, async () => {
  const operation = operationOf('login')
  const { token, send } = await start({ loginRateLimit: 5 })
  const statuses: number[] = []
  const began = performance.now()
  await fc.assert(
    fc.asyncProperty(requestsTo(operation, token), async request => {
      const reply = await send(request)
      check(operation, request, reply)
      statuses.push(reply.status)
      if (reply.status === 429) expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0)
    }),
    { numRuns: 60 }
  )
  // The limit is per minute. On a busy machine, the requests may take more than one minute.
  const minutes = 1 + Math.floor((performance.now() - began) / 60_000)
  // Invalid requests do not count towards the limit. Every request whose password is checked counts.
  expect(statuses.filter(status => status === 200 || status === 401).length).toBeLessThanOrEqual(5 * minutes)
  expect(statuses).toContain(429)
})

const problem = { $ref: '#/components/schemas/ChatProblem' }
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND']
const PATHS = [
  ...operations.map(({ path }) => path),
  '/ws/chat',
  '/docs',
  '/docs/',
  '/docs/static/',
  '/redoc',
  '/openapi.json',
  '/nowhere'
]

test('a request that is not in the document gets a problem document', OPTIONS, async () => {
  const { token, send } = await start()
  const known = new Set(operations.map(({ method, path }) => `${method} ${path}`))
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...METHODS),
      fc.constantFrom(...PATHS),
      fc.oneof(
        fc.constant(''),
        oddSegment.map(text => `/${text}`),
        oddSegment.map(text => `?token=${text}&rooms=${text}`)
      ),
      fc.boolean(),
      async (method, path, more, isKnown) => {
        if (known.has(`${method} ${path}`)) return
        const request = { method, path: path + more, headers: isKnown ? { authorization: `Bearer ${token}` } : {} }
        const reply = await send(request)
        const isProblem = reply.headers['content-type']?.startsWith('application/problem+json')
        const fault =
          reply.status < 400 || method === 'HEAD'
            ? ''
            : isProblem
              ? faultsOf(problem, JSON.parse(reply.text))
              : 'no problem'
        if (fault || reply.status >= 500) throw new Error(describeFailure(fault, request, reply))
      }
    ),
    bounds
  )
})
