import { expect, test } from 'vitest'
import { createOutbox } from '../../src/bus/envelope.ts'

test('it hands over a bounded number of payloads, in order, until nothing waits', () => {
  const outbox = createOutbox('p')
  for (let room = 1; room <= 66_000; room++) {
    outbox.announce(room, room)
    if (room <= 20_000) outbox.publish({ kind: 'present', room, users: [[room, `name-of-user-${room}`]] })
  }
  const rooms: number[] = []
  const present: unknown[] = []
  let takes = 0
  while (!outbox.isEmpty) {
    takes++
    const payloads = outbox.take()
    expect(payloads.length).toBeLessThanOrEqual(64)
    for (const payload of payloads) {
      expect(Buffer.byteLength(payload)).toBeLessThan(8000)
      const { grown = [], events = [] } = JSON.parse(payload)
      rooms.push(...grown.map(([room]: [number]) => room))
      present.push(...events.map(({ room }: { room: number }) => room))
    }
  }
  expect(takes).toBeGreaterThan(3)
  expect(rooms).toEqual(Array.from({ length: 66_000 }, (_, at) => at + 1))
  expect(present).toEqual(Array.from({ length: 20_000 }, (_, at) => at + 1))
})

test('it keeps a bounded number of events while nobody takes them', () => {
  const outbox = createOutbox('p')
  for (let at = 0; at < 20_000; at++) expect(outbox.publish({ kind: 'typing', at })).toBe(true)
  expect(outbox.publish({ kind: 'typing' })).toBe(false)
  outbox.clear()
  expect(outbox.isEmpty).toBe(true)
})
