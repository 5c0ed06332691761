import { expect, test } from 'vitest'
import type { Bus } from '../../src/bus/bus.ts'
import { deferBus } from '../../src/bus/deferred.ts'

const listener = { grown() {}, event() {}, reset() {} }

/** Creates a bus that records the calls of its methods. `bus.listen` also calls the given function. */
const recordingBus = (listen: () => Promise<void> = async () => {}) => {
  const calls: string[] = []
  const record = (call: string) => void calls.push(call)
  const bus: Bus = {
    processId: 'p',
    announce: () => record('announce'),
    publish() {
      record('publish')
      return true
    },
    listen() {
      record('listen')
      return listen()
    },
    close: async () => record('close')
  }
  return { bus, calls }
}

test('it opens no connection until a message is announced after listen, or begin is called', async () => {
  const { bus, calls } = recordingBus()
  const deferred = deferBus(bus, () => {})
  deferred.begin()
  await deferred.listen(listener)
  expect(calls).toEqual([])
  deferred.publish({ kind: 'alive' })
  expect(calls).toEqual(['publish'])
  deferred.announce(1, 1)
  deferred.begin()
  expect(calls).toEqual(['publish', 'listen', 'announce'])
  await deferred.close()
  expect(calls.at(-1)).toBe('close')
})

test('it opens no connection after it was closed', async () => {
  const { bus, calls } = recordingBus()
  const deferred = deferBus(bus, () => {})
  await deferred.listen(listener)
  await deferred.close()
  deferred.begin()
  expect(calls).toEqual(['close'])
})

test('it closes a connection that opens after the bus was closed', async () => {
  let open = () => {}
  const opening = new Promise<void>(resolve => {
    open = resolve
  })
  const { bus, calls } = recordingBus(() => opening)
  const deferred = deferBus(bus, () => {})
  await deferred.listen(listener)
  deferred.begin()
  const closed = deferred.close()
  open()
  await closed
  expect(calls).toEqual(['listen', 'close', 'close'])
})

test('it reports that a connection failed to open', async () => {
  const failures: unknown[] = []
  const { bus } = recordingBus(() => Promise.reject(new Error('away')))
  const deferred = deferBus(bus, error => failures.push(error))
  await deferred.listen(listener)
  deferred.begin()
  await deferred.close()
  expect(failures).toEqual([expect.objectContaining({ message: 'away' })])
})
