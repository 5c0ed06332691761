/** Tests that each payload is delivered once, and that a process detects the payloads that Redis has lost. */
import { expect, test } from 'vitest'
import { createSenders } from '../../src/bus/redis/senders.ts'
import { fakeClock } from '../support/clock.ts'
import fc from '../support/properties.ts'

const start = () => {
  const clock = fakeClock()
  return { clock, senders: createSenders(clock) }
}

test('it delivers a payload of both buses once, in any order, and drops what Redis repeats', () => {
  const { senders } = start()
  expect(senders.accept('p', 1, 'redis', true)).toBe('new')
  expect(senders.accept('p', 1, 'postgres', true)).toBe('copy')
  expect(senders.accept('p', 2, 'postgres', true)).toBe('new')
  expect(senders.accept('p', 2, 'redis', true)).toBe('copy')
  for (const number of [1, 2]) expect(senders.accept('p', number, 'redis', true)).toBe('replayed')
  expect(senders.accept('q', 1, 'redis', true)).toBe('new')
})

test('it drops messages that are older than the remembered ones, and old messages of unknown processes', () => {
  const { senders, clock } = start()
  for (let number = 1; number <= 5000; number++) expect(senders.accept('p', number, 'redis', true)).toBe('new')
  for (const number of [1, 3000, 3976, 5000]) expect(senders.accept('p', number, 'redis', true)).toBe('replayed')
  expect(senders.accept('q', 1, 'redis', false)).toBe('replayed')
  clock.advance(11 * 60_000)
  senders.overdue()
  expect(senders.accept('p', 5001, 'redis', false)).toBe('replayed')
})

test('it accepts messages with a wrong time from a process that PostgreSQL has announced, but not the earlier ones', () => {
  const { senders } = start()
  senders.confirmed('p', 7)
  expect(senders.accept('p', 7, 'redis', false)).toBe('replayed')
  expect(senders.accept('p', 8, 'redis', false)).toBe('new')
})

test('it delivers what PostgreSQL delivers later than Redis delivers the following payloads', () => {
  const { senders } = start()
  expect(senders.accept('p', 3, 'redis', true)).toBe('new')
  for (const number of [1, 2]) expect(senders.accept('p', number, 'postgres', true)).toBe('new')
  expect(senders.accept('p', 2, 'redis', false)).toBe('replayed')
})

test('it counts confirmed payloads that Redis did not deliver within 2 s', () => {
  const { senders, clock } = start()
  senders.confirmed('p', 0)
  senders.accept('p', 1, 'redis', true)
  senders.confirmed('p', 1)
  senders.confirmed('p', 2)
  senders.confirmed('p', 3)
  clock.advance(1999)
  expect(senders.overdue()).toBe(0)
  senders.accept('p', 2, 'redis', true)
  clock.advance(1)
  expect(senders.overdue()).toBe(1)
  expect(senders.overdue()).toBe(0)
})

test('it delivers each payload exactly once for any order and any repetition within the window', () => {
  const arrivals = fc.array(
    fc.tuple(fc.integer({ min: 1, max: 40 }), fc.constantFrom('redis' as const, 'postgres' as const))
  )
  fc.assert(
    fc.property(arrivals, all => {
      const { senders } = start()
      senders.confirmed('p', 0)
      const delivered = all.filter(([number, via]) => senders.accept('p', number, via, true) === 'new')
      expect(delivered.map(([number]) => number).sort()).toEqual([...new Set(all.map(([number]) => number))].sort())
    })
  )
})
