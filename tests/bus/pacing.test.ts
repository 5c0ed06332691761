/** Tests when the PostgreSQL bus sends announcements. */
import { expect, onTestFinished, test } from 'vitest'
import { createPostgresBus } from '../../src/bus/drivers/postgres.ts'
import { fakeClock } from '../support/clock.ts'

const start = async () => {
  const clock = fakeClock()
  const sent: unknown[] = []
  let onSent = () => {}
  const bus = createPostgresBus({
    clock,
    instance: async () => ['test'],
    database: {
      async notify(_, payloads) {
        sent.push(...payloads.map(payload => JSON.parse(payload).grown))
        onSent()
      },
      listen: async () => ({ notify: async () => {}, end: async () => {} })
    }
  })
  await bus.listen({ grown() {}, event() {}, reset() {} })
  // Discards the first heartbeat.
  sent.length = 0
  onTestFinished(() => bus.close())
  const next = () => new Promise<void>(resolve => (onSent = resolve))
  return { bus, clock, sent, next }
}

test('it sends the first announcements of a burst in the same turn, together, and later ones after a pause', async () => {
  const { bus, sent, next } = await start()
  bus.announce(1, 1)
  bus.announce(1, 2)
  bus.announce(2, 1)
  let isTurnOver = false
  setImmediate(() => (isTurnOver = true))
  await next()
  expect(isTurnOver).toBe(false)
  const first = [
    [1, 2],
    [2, 1]
  ]
  expect(sent).toEqual([first])

  bus.announce(1, 3)
  await new Promise(process.nextTick)
  expect(sent).toEqual([first])
  bus.announce(1, 4)
  await next()
  expect(sent).toEqual([first, [[1, 4]]])
})

test('it sends at once again when the pause is over', async () => {
  const { bus, clock, sent, next } = await start()
  bus.announce(1, 1)
  await next()
  clock.advance(3)
  bus.announce(1, 2)
  await new Promise(process.nextTick)
  expect(sent).toEqual([[[1, 1]], [[1, 2]]])
})
