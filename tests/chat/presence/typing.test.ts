import { expect, test } from 'vitest'
import { createTyping } from '../../../src/chat/presence/typing.ts'
import { fakeClock } from '../../support/clock.ts'

const start = () => {
  const clock = fakeClock()
  return { clock, typing: createTyping(clock) }
}

test('a user is shown as typing in a room once per second', () => {
  const { clock, typing } = start()
  expect([typing.may(1, 1, 10), typing.may(1, 1, 10), typing.may(2, 1, 10)]).toEqual([true, false, true])
  clock.step(-3_600_000)
  clock.advance(999)
  expect(typing.may(1, 1, 10)).toBe(false)
  clock.advance(1)
  expect(typing.may(1, 1, 10)).toBe(true)
})

test('a user is shown as typing in ten rooms at once, and then in five per second', () => {
  const { clock, typing } = start()
  const shown = () => Array.from({ length: 128 }, (_, room) => typing.may(1, room, 10)).filter(Boolean).length
  expect(shown()).toBe(10)
  clock.advance(1000)
  expect(shown()).toBe(5)
})

test('a large room shows only a few users as typing', () => {
  const { clock, typing } = start()
  const shown = (subscribers: number, roomId: number) =>
    Array.from({ length: 1000 }, (_, userId) => typing.may(userId, roomId, subscribers)).filter(Boolean).length
  expect(shown(1000, 1)).toBe(4)
  expect(shown(100_000, 2)).toBe(1)
  clock.advance(2000)
  expect(shown(1000, 1)).toBe(4)
  expect(shown(100_000, 2)).toBe(1)
})
