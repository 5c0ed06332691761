/** Tests how the SDK loads single messages: when it pauses, what it repeats and what it gives up. */
import { expect, test } from 'vitest'
import { ChatApiError, type HistoryRange } from '../../client/src/index.ts'
import type { EntryList } from '../../client/src/protocol.ts'
import { createSingleLoads } from '../../client/src/single-loads.ts'
import { fakeTimers, settled } from '../support/fake-service.ts'

const TIMING = { gap: 3000, backoffBase: 500, backoffMax: 30_000 }
/** The delay before the first request, in milliseconds. */
const JITTER = 500
/** The random part of the delay after the first failure, in milliseconds. */
const BACKOFF = 250

const failure = (status: number, retryAfterMs?: number): ChatApiError =>
  new ChatApiError({
    status,
    code: 'unavailable',
    detail: 'No.',
    ...(retryAfterMs === undefined ? {} : { retryAfterMs })
  })

/** Creates the queue. `respond` is called for each request, and `loaded` records the messages that were loaded. */
const start = (respond: (seq: number) => unknown = () => undefined) => {
  const timers = fakeTimers()
  const requested: number[] = []
  const loaded: number[] = []
  const timeline = { generation: 1, replace: (seq: number) => void loaded.push(seq) }
  const loads = createSingleLoads({
    timeline,
    timers,
    timing: TIMING,
    onChange: () => {},
    async read({ after = 0 }: HistoryRange) {
      requested.push(after + 1)
      await respond(after + 1)
      return {} as EntryList
    }
  })
  return { timers, requested, loaded, timeline, loads }
}

test('loads the queued messages one after another, each once, after a random delay', async () => {
  const { loads, timers, requested, loaded } = start()
  loads.online()
  for (const seq of [3, 1, 3]) loads.add(seq)
  await timers.advance(JITTER - 1)
  expect(requested).toEqual([])
  await timers.advance(1)
  expect(requested).toEqual([3, 1])
  expect(loaded).toEqual([3, 1])
  expect(loads.isLoading).toBe(false)
  expect(timers.waiting).toBe(0)
})

test('sends no request while the connection is lost, and continues when it is back', async () => {
  const { loads, timers, requested, loaded } = start(() => {
    if (requested.length === 1) throw failure(0)
  })
  loads.add(1)
  await timers.advance(60_000)
  expect(requested).toEqual([])
  loads.online()
  await timers.advance(JITTER)
  expect(requested).toEqual([1])
  loads.offline()
  await timers.advance(60_000)
  expect(requested).toEqual([1])
  expect(timers.waiting).toBe(0)
  loads.online()
  await timers.advance(JITTER)
  expect(loaded).toEqual([1])
})

test('stops after the request in progress when the connection is lost', async () => {
  let respond = () => {}
  const response = new Promise<void>(resolve => {
    respond = resolve
  })
  const { loads, timers, requested, loaded } = start(() => response)
  loads.online()
  loads.add(1)
  loads.add(2)
  await timers.advance(JITTER)
  expect([requested, loads.isLoading]).toEqual([[1], true])
  loads.offline()
  respond()
  await settled()
  await timers.advance(60_000)
  expect([requested, loaded, loads.isLoading]).toEqual([[1], [1], false])
  loads.online()
  await timers.advance(JITTER)
  expect(loaded).toEqual([1, 2])
})

test.for([429, 503])('waits for the time in Retry-After after a response with status %i', async status => {
  const { loads, timers, requested, loaded } = start(() => {
    if (requested.length === 1) throw failure(status, 20_000)
  })
  loads.online()
  loads.add(1)
  loads.add(2)
  await timers.advance(JITTER)
  expect(requested).toEqual([1])
  // Neither another message nor a new connection shortens the wait.
  loads.add(3)
  loads.offline()
  loads.online()
  await timers.advance(20_000 + BACKOFF - 1)
  expect(requested).toEqual([1])
  await timers.advance(1)
  expect(loaded).toEqual([2, 1, 3])
})

test.for([0, 401, 408, 500])('repeats a request after a response with status %i', async status => {
  const { loads, timers, requested, loaded } = start(() => {
    if (requested.length === 1) throw failure(status)
  })
  loads.online()
  loads.add(1)
  await timers.advance(JITTER + TIMING.gap + BACKOFF - 1)
  expect(requested).toEqual([1])
  await timers.advance(1)
  expect([requested, loaded]).toEqual([[1, 1], [1]])
})

test('waits longer after each failure', async () => {
  const { loads, timers, requested } = start(() => {
    throw failure(500)
  })
  loads.online()
  loads.add(1)
  await timers.advance(JITTER + TIMING.gap + BACKOFF)
  expect(requested).toHaveLength(2)
  await timers.advance(TIMING.gap + 2 * BACKOFF - 1)
  expect(requested).toHaveLength(2)
  await timers.advance(1)
  expect(requested).toHaveLength(3)
})

test.for([400, 403, 404, 422])(
  'gives up a message after a response with status %i, and loads the next',
  async status => {
    const { loads, timers, requested, loaded } = start(seq => {
      if (seq === 1) throw failure(status)
    })
    loads.online()
    loads.add(1)
    loads.add(2)
    await timers.advance(60_000)
    expect([requested, loaded]).toEqual([[1, 2], [2]])
    expect(timers.waiting).toBe(0)
  }
)

test('gives up a message whose response the timeline cannot use, instead of repeating the request for ever', async () => {
  const { loads, timers, requested, timeline } = start()
  timeline.replace = () => {
    throw new TypeError('broken page')
  }
  loads.online()
  loads.add(1)
  await timers.advance(60_000)
  expect(requested).toEqual([1])
})

test('keeps the 100 messages that were added last', async () => {
  const { loads, timers, requested } = start()
  for (let seq = 1; seq <= 150; seq++) loads.add(seq)
  loads.online()
  await timers.advance(JITTER)
  expect([requested.length, requested[0], requested.at(-1)]).toEqual([100, 51, 150])
})

test('drops the messages that a replaced timeline needed, also if their request is in progress', async () => {
  let respond = () => {}
  const { loads, timers, requested, loaded, timeline } = start(
    () =>
      new Promise<void>(resolve => {
        respond = resolve
      })
  )
  loads.online()
  loads.add(1)
  loads.add(2)
  await timers.advance(JITTER)
  timeline.generation++
  loads.add(3)
  respond()
  await settled()
  expect([requested, loaded]).toEqual([[1, 3], []])
  respond()
  await settled()
  expect(loaded).toEqual([3])
})

test('loads a message again that the timeline adds while it receives the response', async () => {
  const { loads, timers, requested, timeline } = start()
  timeline.replace = seq => {
    if (requested.length === 1) loads.add(seq)
  }
  loads.online()
  loads.add(1)
  await timers.advance(JITTER)
  expect(requested).toEqual([1, 1])
})

test('loads nothing after it was stopped', async () => {
  const { loads, timers, requested } = start()
  loads.online()
  loads.add(1)
  loads.stop()
  loads.add(2)
  await timers.advance(60_000)
  expect(requested).toEqual([])
})
