/**
 * Tests the rotation of refresh tokens with random sequences of steps. Two tabs share a stored token, and a thief has a copy of
 * it. Responses may be lost. Compares each sequence with a model.
 */
import { expect, test } from 'vitest'
import { parseRefreshToken } from '../../../src/accounts/sessions/refresh-token.ts'
import { loginOf, testAccounts } from '../../support/accounts.ts'
import { testDatabase } from '../../support/database.ts'
import fc from '../../support/properties.ts'
import { auditOf, passTime } from '../../support/sessions.ts'

const PASSWORD = 'SecurePass123'
const CLIENT = { address: 'unknown', agent: undefined }

type Who = 'owner' | 'thief'

/** A step of a sequence. The owner's tabs share one stored token. A late tab repeats the token of the owner's last refresh. */
type Step =
  | { readonly kind: 'refresh'; readonly who: Who; readonly isLost: boolean }
  | { readonly kind: 'late tab' }
  | { readonly kind: 'steal' }
  // Each wait is longer than the grace period of 30 s in `expected`. All other steps take almost no time.
  | { readonly kind: 'wait'; readonly seconds: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('refresh' as const),
      who: fc.constantFrom<Who>('owner', 'thief'),
      isLost: fc.boolean()
    })
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('late tab' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('steal' as const) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('wait' as const), seconds: fc.constantFrom(40, 3600) }) }
)

/** The expected state of the session. `usedAt` is the time of the first use of the current token. */
interface Model {
  number: number
  issuedAt: number
  usedAt: number | undefined
  isEnded: boolean
}

/**
 * Updates the model for a refresh. Returns the number of the token that the response must contain, or undefined if the response
 * must be a 401.
 */
const expected = (model: Model, presented: number, now: number): number | undefined => {
  if (model.isEnded) return undefined
  if (presented === model.number) {
    if (now - model.issuedAt < 30) model.usedAt ??= now
    else Object.assign(model, { number: presented + 1, issuedAt: now, usedAt: undefined })
    return model.number
  }
  const isReuse = presented < model.number - 1 || (model.usedAt !== undefined && now - model.usedAt >= 30)
  if (isReuse) model.isEnded = true
  return isReuse ? undefined : model.number
}

/** The thief presents token 1 when token 3 is current. So the session ends. The random sequences may not cover this case. */
const THEFT: readonly Step[] = [
  { kind: 'steal' },
  { kind: 'wait', seconds: 40 },
  { kind: 'refresh', who: 'owner', isLost: false },
  { kind: 'wait', seconds: 40 },
  { kind: 'refresh', who: 'owner', isLost: false },
  { kind: 'refresh', who: 'thief', isLost: false }
]

test('every history of two tabs, lost responses and a thief has the outcome of the model', async () => {
  const database = await testDatabase()
  const accounts = testAccounts(database)
  await accounts.register('john', PASSWORD)
  let reuses = 0

  const run = async (steps: readonly Step[]): Promise<void> => {
    const started = await accounts.login(loginOf('john', PASSWORD, { session: true }))
    let now = 0
    const model: Model = { number: 1, issuedAt: 0, usedAt: undefined, isEnded: false }
    const held = { owner: started.refresh?.token ?? '', thief: '' }
    let stale = held.owner
    /** Maps each number to its token, including tokens whose response was lost. */
    const issued = new Map([[1, held.owner]])

    const present = async (token: string): Promise<string | undefined> => {
      const wasEnded = model.isEnded
      const number = expected(model, parseRefreshToken(token)?.number ?? 0, now)
      if (model.isEnded && !wasEnded) reuses++
      const response = await accounts.sessions.refresh({ token, isCookie: false, client: CLIENT }).then(
        ({ refresh }) => refresh?.token,
        () => undefined
      )
      expect(response && parseRefreshToken(response)?.number).toBe(number)
      if (!response || number === undefined) return undefined
      expect(response).toBe(issued.get(number) ?? response)
      issued.set(number, response)
      return response
    }

    for (const one of steps) {
      if (one.kind === 'wait') {
        now += one.seconds
        await passTime(database, one.seconds)
      } else if (one.kind === 'steal') held.thief = held.owner
      else if (one.kind === 'late tab') await present(stale)
      else if (held[one.who]) {
        const response = await present(held[one.who])
        if (one.who === 'owner') stale = held.owner
        if (response && !one.isLost) held[one.who] = response
      }
    }
  }
  await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), run), {
    numRuns: 40,
    examples: [[[...THEFT]]]
  })
  expect(await auditOf(database, 'refresh_reused')).toHaveLength(reuses)
  expect(reuses).toBeGreaterThan(0)
})

test('a tab that shares its token and loses responses never loses the session', async () => {
  const database = await testDatabase()
  const accounts = testAccounts(database)
  await accounts.register('john', PASSWORD)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { minLength: 5, maxLength: 20 }), async losses => {
      const started = await accounts.login(loginOf('john', PASSWORD, { session: true }))
      let token = started.refresh?.token ?? ''
      for (const isLost of losses) {
        const { refresh } = await accounts.sessions.refresh({ token, isCookie: false, client: CLIENT })
        if (!isLost) token = refresh?.token ?? ''
        await passTime(database, 1800)
      }
    }),
    { numRuns: 10 }
  )
  expect(await auditOf(database, 'refresh_reused')).toEqual([])
})

test('a thief and the owner who both refresh every half hour are detected, whoever is first', async () => {
  const database = await testDatabase()
  const accounts = testAccounts(database)
  await accounts.register('john', PASSWORD)
  for (const order of [
    ['owner', 'thief'],
    ['thief', 'owner']
  ] as const) {
    const started = await accounts.login(loginOf('john', PASSWORD, { session: true }))
    const held = { owner: started.refresh?.token ?? '', thief: started.refresh?.token ?? '' }
    const rounds = async () => {
      for (let round = 0; round < 3; round++) {
        for (const who of order) {
          await passTime(database, 900)
          const { refresh } = await accounts.sessions.refresh({ token: held[who], isCookie: false, client: CLIENT })
          held[who] = refresh?.token ?? ''
          // Simulates a request with the new access token, because the service then marks the new refresh token as used.
          await database.refreshTokens.markUsed(started.sessionId, parseRefreshToken(held[who])?.number ?? 0)
        }
      }
    }
    await expect(rounds()).rejects.toMatchObject({ code: 'invalid_refresh_token' })
  }
  expect(await auditOf(database, 'refresh_reused')).toHaveLength(2)
})
