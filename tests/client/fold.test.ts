/**
 * Tests that the SDK shows messages in their current state, in whatever way their entries arrive. Delivers random histories as a
 * random mix of live frames, resumed subscriptions, parts of the log and lists over HTTP.
 */
import { expect, test } from 'vitest'
import { fakeService, type Sent, settled, subscribedFrame } from '../support/fake-service.ts'
import { SEED } from '../support/properties.ts'
import { seeded } from './faults/random.ts'
import { createModelLog } from './model-log.ts'

const HISTORIES = Number(process.env.FOLD_HISTORIES ?? 60)
const STEPS = 120

/**
 * Delivers one random history to a client. Returns the messages of the client, the messages of the log, and the `seq` of each
 * event.
 */
const run = async (seed: number) => {
  const random = seeded(seed)
  const draw = (count: number): number => Math.floor(random() * count)
  const model = createModelLog(random, 1)
  for (let count = draw(40); count > 0; count--) model.append()
  const { client, socket, http, timers, calls } = fakeService({
    keep: 15 + draw(40),
    timing: { pingInterval: 1e9, stable: 1e9 }
  })
  const room = client.room('general')
  const seen: number[] = []
  room.on('message', ({ seq }) => seen.push(seq))
  room.on('update', ({ seq }) => seen.push(seq))
  room.on('erasure', ({ seq }) => seen.push(seq))
  let opened = 1
  let current = await socket(1)
  // The last entry that was delivered, and whether the client is subscribed.
  let delivered = 0
  let isSubscribed = false
  const waiting: (() => void)[] = []

  http(async path => {
    const url = new URL(path, 'http://chat.test')
    // Another process of the service may know fewer entries than the client.
    const known = Math.max(0, model.head - (random() < 0.3 ? draw(8) : 0))
    if (url.pathname.endsWith('/log')) return { body: model.part(url.searchParams, known) }
    // The service reads the caller's own reactions later than the messages.
    const body = model.history(url.searchParams, known, random() < 0.3 ? model.head : known)
    if (random() < 0.6) await new Promise<void>(done => waiting.push(done))
    return { body }
  })

  const subscribe = (): void => {
    for (const frame of current.take('subscribe')) {
      isSubscribed = true
      delivered = frame.after ?? model.head
      const isTooFar = frame.after !== undefined && model.head - frame.after > 10 && random() < 0.5
      const response = subscribedFrame(model.head, frame)
      current.receive(isTooFar ? { ...response, type: 'resync', reason: 'too_far' } : response)
      if (isTooFar) delivered = model.head
    }
  }
  const deliver = (count: number): void => {
    for (let left = count; left > 0 && isSubscribed && delivered < model.head; left--)
      current.receive(model.frameOf(++delivered, random() < 0.5 ? delivered : model.head))
  }
  const reconnect = async (): Promise<void> => {
    isSubscribed = false
    current.end(1006)
    client.connect()
    current = await socket(++opened)
    current.greet()
  }

  current.greet()
  const actions: (() => unknown)[] = [
    ...Array.from({ length: 6 }, () => () => model.append()),
    ...Array.from({ length: 5 }, () => () => deliver(1 + draw(4))),
    () => deliver(Number.POSITIVE_INFINITY),
    () => subscribe(),
    () => subscribe(),
    () => void room.older(1 + draw(12)).catch(() => {}),
    () => waiting.shift()?.(),
    () => waiting.pop()?.(),
    () => timers.advance(draw(4000)),
    () => (random() < 0.2 ? reconnect() : undefined)
  ]
  for (let step = 0; step < STEPS; step++) {
    await actions[draw(actions.length)]?.()
    if (random() < 0.5) await settled()
    // Reads the state, because a UI may read it at any time.
    if (random() < 0.3) expect(room.state.messages.length).toBeGreaterThanOrEqual(0)
  }
  // Loads history. Only then does the SDK load the messages that replies refer to.
  void room.older(3).catch(() => {})
  // Waits until the client has all messages and makes no more requests.
  for (let quiet = 0; quiet < 10; quiet++) {
    const made = calls.length
    subscribe()
    deliver(Number.POSITIVE_INFINITY)
    for (const done of waiting.splice(0)) done()
    await timers.advance(3000)
    if (calls.length > made) quiet = 0
  }
  const shown = room.state.messages as readonly Sent[]
  return { shown, expected: model.shown(shown[0]?.seq ?? Number.POSITIVE_INFINITY), seen }
}

test(`shows messages as the log does after any delivery of its entries (PROPERTY_SEED=${SEED})`, async () => {
  let compared = 0
  for (let at = 0; at < HISTORIES; at++) {
    const { shown, expected, seen } = await run(SEED + at)
    expect(seen, `seed ${SEED + at}`).toEqual([...seen].sort((one, other) => one - other))
    expect(shown, `seed ${SEED + at}`).toEqual(expected)
    compared += shown.length
  }
  expect(compared).toBeGreaterThan(HISTORIES * 10)
})
