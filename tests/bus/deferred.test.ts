import { expect, test } from 'vitest'
import type { Bus } from '../../src/bus/bus.ts'
import { deferBus } from '../../src/bus/deferred.ts'

const listener = { grown() {}, event() {}, reset() {} }

/** Creates a bus that records its calls. Its `listen` calls the given function. */
const noting = (listen: () => Promise<void> = async () => {}) => {
  const calls: string[] = []
  const note = (call: string) => void calls.push(call)
  const bus: Bus = {
    processId: 'p',
    announce: () => note('announce'),
    publish() {
      note('publish')
      return true
    },
    listen() {
      note('listen')
      return listen()
    },
    close: async () => note('close')
  }
  return { bus, calls }
}

test('it opens no connection until a message is announced or it is asked to', async () => {
  const { bus, calls } = noting()
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

test('it opens none after it was closed, and none to close if there was no use', async () => {
  const { bus, calls } = noting()
  const deferred = deferBus(bus, () => {})
  await deferred.listen(listener)
  await deferred.close()
  deferred.begin()
  expect(calls).toEqual(['close'])
})

test('a connection that opens after the stop is closed', async () => {
  let open = () => {}
  const opening = new Promise<void>(resolve => {
    open = resolve
  })
  const { bus, calls } = noting(() => opening)
  const deferred = deferBus(bus, () => {})
  await deferred.listen(listener)
  deferred.begin()
  const closed = deferred.close()
  open()
  await closed
  expect(calls).toEqual(['listen', 'close', 'close'])
})

test('a failure to open is reported', async () => {
  const failures: unknown[] = []
  const { bus } = noting(() => Promise.reject(new Error('away')))
  const deferred = deferBus(bus, error => failures.push(error))
  await deferred.listen(listener)
  deferred.begin()
  await deferred.close()
  expect(failures).toEqual([expect.objectContaining({ message: 'away' })])
})
