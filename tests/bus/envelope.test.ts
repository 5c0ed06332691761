import { expect, test } from 'vitest'
import { createOutbox, deliver } from '../../src/bus/envelope.ts'
import type { BusEvent } from '../../src/bus/events.ts'

test('it returns a bounded number of payloads at a time, in order, until the outbox is empty', () => {
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
    expect(Math.max(...payloads.map(payload => Buffer.byteLength(payload)))).toBeLessThan(8000)
    for (const payload of payloads) {
      const { grown = [], events = [] } = JSON.parse(payload)
      rooms.push(...grown.map(([room]: [number]) => room))
      present.push(...events.map(({ room }: { room: number }) => room))
    }
  }
  expect(takes).toBeGreaterThan(3)
  expect(rooms).toEqual(Array.from({ length: 66_000 }, (_, at) => at + 1))
  expect(present).toEqual(Array.from({ length: 20_000 }, (_, at) => at + 1))
})

test('it keeps a bounded number of events while no payload is taken', () => {
  const outbox = createOutbox('p')
  const isKept = Array.from({ length: 20_000 }, () => outbox.publish({ kind: 'alive' }))
  expect(isKept).not.toContain(false)
  expect(outbox.publish({ kind: 'alive' })).toBe(false)
  outbox.clear()
  expect(outbox.isEmpty).toBe(true)
})

/** Returns what the bus delivers when it receives the payload from another process. */
const delivered = (payload: string): unknown[] => {
  const events: BusEvent[] = []
  const grown: number[][] = []
  deliver(payload, { grown: (...one) => grown.push(one), event: event => events.push(event), reset() {} }, 'us')
  return [...grown, ...events]
}

test('it delivers and sends every event in the format of version 0.1', () => {
  const events: BusEvent[] = [
    { kind: 'present', room: 1, users: [[7, 'ann']] },
    { kind: 'present', room: 1, count: 101 },
    { kind: 'alive' },
    { kind: 'typing', room: 1, user_id: 7, username: 'ann' },
    { kind: 'recheck', person: '7', room: 'general', word: 'w', age_ms: 0 },
    { kind: 'disconnect', person: '7', word: 'w', age_ms: 3000 },
    { kind: 'gone' }
  ]
  const texts = [
    '{"kind":"present","room":1,"users":[[7,"ann"]]}',
    '{"kind":"present","room":1,"count":101}',
    '{"kind":"alive"}',
    '{"kind":"typing","room":1,"user_id":7,"username":"ann"}',
    '{"kind":"recheck","person":"7","room":"general","word":"w","age_ms":0}',
    '{"kind":"disconnect","person":"7","word":"w","age_ms":3000}',
    '{"kind":"gone"}'
  ]
  const payload = `{"from":"p","events":[${texts.join(',')}]}`
  expect(delivered(payload)).toEqual(events)
  const outbox = createOutbox('p')
  for (const event of events) outbox.publish(event)
  expect(outbox.take()).toEqual([payload])
  expect(delivered('{"from":"p","grown":[[1,2],[3,4]]}')).toEqual([
    [1, 2],
    [3, 4]
  ])
  expect(delivered('{"from":"database","events":[{"kind":"changed"}]}')).toEqual([{ kind: 'changed' }])
})

test('it ignores events of an unknown kind or without valid fields, and delivers the other events of the payload', () => {
  const bad = [
    null,
    'alive',
    {},
    { kind: 'next_year', room: 1 },
    { kind: 'toString' },
    { kind: 'typing', room: '1', user_id: 7, username: 'ann' },
    { kind: 'present', room: 1, users: [['ann', 7]] },
    { kind: 'disconnect', word: 'w' },
    { kind: 'typing', room: 1, user_id: 7 }
  ]
  const events = [...bad, { kind: 'present', room: 1, added_later: true }]
  expect(delivered(JSON.stringify({ from: 'p', events }))).toEqual([{ kind: 'present', room: 1, added_later: true }])
  expect(delivered('not JSON')).toEqual([])
})

test('it ignores a payload that no process sends, which any role of the database can send', () => {
  const payloads = [
    '{}',
    '5',
    'null',
    '[]',
    '{"from":5}',
    '{"from":"p","grown":5}',
    '{"from":"p","grown":[5,null]}',
    '{"from":"p","events":{}}',
    '{"from":"p","events":[null,5,{}]}'
  ]
  for (const payload of payloads) expect(delivered(payload), payload).toEqual([])
})
