import { expect, test } from 'vitest'
import { createUserLookup } from '../../src/accounts/user-lookup.ts'
import { fakeClock } from '../support/clock.ts'

const user = (id: number) => ({ id, username: `user${id}` })

const setup = () => {
  const queries: (readonly number[])[] = []
  let failure: Error | undefined
  const clock = fakeClock()
  const lookup = createUserLookup(async (ids: readonly number[]) => {
    queries.push(ids)
    if (failure) throw failure
    return new Map(ids.filter(id => id < 100).map(id => [id, user(id)]))
  }, clock.monotonic)
  return {
    clock,
    queries,
    lookup,
    fail: (error: Error | undefined) => {
      failure = error
    }
  }
}

test('look-ups in the same turn of the event loop share a query, and each gets its own result', async () => {
  const { queries, lookup } = setup()
  expect(await Promise.all([7, 3, 500, 7].map(lookup))).toEqual([user(7), user(3), undefined, user(7)])
  expect(queries).toEqual([[7, 3, 500]])
})

test('a found user is cached for half a second, and then queried again', async () => {
  const { clock, queries, lookup } = setup()
  await lookup(1)
  clock.advance(499)
  expect(await lookup(1)).toEqual(user(1))
  expect(queries).toEqual([[1]])
  clock.advance(1)
  await lookup(1)
  expect(queries).toEqual([[1], [1]])
})

test('a user who is not found is queried each time', async () => {
  const { queries, lookup } = setup()
  await lookup(500)
  await lookup(500)
  expect(queries).toEqual([[500], [500]])
})

test('a failed query rejects the look-ups that share it, and no later ones', async () => {
  const { lookup, fail } = setup()
  fail(new Error('away'))
  expect(await Promise.allSettled([lookup(1), lookup(2)])).toMatchObject([
    { status: 'rejected' },
    { status: 'rejected' }
  ])
  fail(undefined)
  expect(await lookup(1)).toEqual(user(1))
})
