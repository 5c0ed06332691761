/** Tests when a process falls back to PostgreSQL, and when the fallback ends. */
import { expect, test } from 'vitest'
import { createFallback } from '../../src/bus/redis/fallback.ts'
import { createWanted } from '../../src/bus/redis/wanted.ts'
import { fakeClock } from '../support/clock.ts'

const start = () => {
  const clock = fakeClock()
  const changes: boolean[] = []
  const fallback = createFallback({ clock, onChange: isActive => changes.push(isActive) })
  return { clock, changes, fallback, works: () => fallback.works(clock.monotonic()) }
}

test('it falls back from the start until Redis has delivered a heartbeat', () => {
  const { fallback, changes, works } = start()
  expect(fallback.isActive).toBe(true)
  works()
  expect(fallback.isActive).toBe(false)
  expect(changes).toEqual([false])
})

test('it falls back at once when a publish fails, for at least 15 s, and until a later heartbeat arrives', () => {
  const { fallback, changes, works, clock } = start()
  works()
  clock.advance(1000)
  const before = clock.monotonic()
  clock.advance(1000)
  fallback.failed()
  fallback.failed()
  expect(fallback.isActive).toBe(true)
  clock.advance(14_000)
  works()
  expect(fallback.isActive).toBe(true)
  clock.advance(1000)
  fallback.works(before)
  expect(fallback.isActive).toBe(true)
  works()
  expect(changes).toEqual([false, true, false])
})

test('it falls back after three missed payloads within a minute', () => {
  const { fallback, works, clock } = start()
  works()
  fallback.missed(1)
  clock.advance(40_000)
  fallback.missed(1)
  clock.advance(25_000)
  fallback.missed(1)
  expect(fallback.isActive).toBe(false)
  clock.advance(5000)
  fallback.missed(1)
  expect(fallback.isActive).toBe(true)
  clock.advance(29_000)
  works()
  // Three payloads were missed within the last minute.
  expect(fallback.isActive).toBe(true)
  clock.advance(31_000)
  works()
  expect(fallback.isActive).toBe(false)
})

test('it sends over PostgreSQL too for 15 s after a start, a request, or a sign of a process without Redis', () => {
  const clock = fakeClock()
  const wanted = createWanted(clock)
  const expire = (): void => {
    expect(wanted.isActive).toBe(true)
    clock.advance(15_000)
    expect(wanted.isActive).toBe(false)
  }
  expire()
  for (const envelope of [
    { from: 'p', sent: 3 },
    { from: 'p', n: 4, grown: [] },
    { from: 'database' },
    { from: 'p/transaction', grown: [] }
  ]) {
    wanted.notice(envelope)
    expect(wanted.isActive).toBe(false)
  }
  for (const envelope of [{ from: 'p', sent: 3, want_postgres: true }, { from: 'q' }, { from: 'q', events: [] }]) {
    wanted.notice(envelope)
    expire()
  }
})
