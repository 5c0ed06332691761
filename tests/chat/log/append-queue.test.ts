import { describe, expect, test } from 'vitest'
import { type AppendQueueOptions, createAppendQueue, type Outcome } from '../../../src/chat/log/append-queue.ts'
import type { DatabaseFault } from '../../../src/db/client/errors.ts'
import type { AppendedEntry, NewEntry, RefusedEntry } from '../../../src/db/database.ts'
import { ChatError } from '../../../src/protocol/errors.ts'

const entry = (writeId: string, content = writeId, roomId = 1): NewEntry => ({
  roomId,
  userId: 1,
  writeId,
  kind: 'message',
  content,
  meta: null,
  keyId: 'k'
})

/**
 * Creates a log in memory. Each append first calls the next function of `failures`. The function may throw. If the next function
 * is `undefined`, or if no function is left, the append succeeds.
 */
const memoryLog = (failures: (((batch: NewEntry[]) => void) | undefined)[] = []) => {
  const stored = new Map<string, AppendedEntry & { content: string | null }>()
  const batches: string[][] = []
  const append = async (batch: NewEntry[]): Promise<(AppendedEntry | RefusedEntry)[]> => {
    batches.push(batch.map(({ writeId }) => writeId))
    failures.shift()?.(batch)
    return batch.map(({ writeId, kind, content, meta }) => {
      if (writeId.startsWith('refused')) return { refused: writeId.slice('refused '.length) }
      const known = stored.get(writeId)
      if (known)
        return {
          ...known,
          outcome: 'replayed',
          stored: { kind, targetSeq: null, content: known.content, meta, detail: null }
        }
      const place = { id: stored.size + 1, seq: stored.size + 1, createdAt: 0 }
      const added = { ...place, outcome: 'stored' as const, stored: null, detail: null, content }
      stored.set(writeId, added)
      return added
    })
  }
  return { append, batches, stored }
}

class ConnectionLost extends Error {}

class Fault extends Error {
  readonly fault: DatabaseFault
  constructor(fault: DatabaseFault) {
    super(fault)
    this.fault = fault
  }
}

const start = (log: ReturnType<typeof memoryLog>, options: Partial<AppendQueueOptions> = {}) => {
  const settled: [string, Outcome][] = []
  const appendQueue = createAppendQueue({
    append: log.append,
    faultOf: error => (error instanceof ConnectionLost ? 'retry' : error instanceof Fault ? error.fault : 'divide'),
    delay: async () => {},
    ...options
  })
  const append = (one: NewEntry) => appendQueue.append(one, outcome => settled.push([one.writeId, outcome]))
  return { appendQueue, append, settled }
}

const seqs = (settled: [string, Outcome][]) =>
  settled.map(([writeId, outcome]) => [writeId, 'appended' in outcome ? outcome.appended.seq : outcome.error.code])

describe('the append queue', () => {
  test('appends entries that arrive together in one batch, and settles them in order', async () => {
    const log = memoryLog()
    const { appendQueue, append, settled } = start(log)
    for (const id of ['a', 'b', 'c']) append(entry(id))
    await appendQueue.idle()
    expect(log.batches).toEqual([['a', 'b', 'c']])
    expect(seqs(settled)).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 3]
    ])
  })

  test('settles a refused entry with its error, and the other entries of the batch as stored', async () => {
    const { appendQueue, append, settled } = start(memoryLog())
    for (const id of ['a', 'refused room_not_found', 'refused of_a_newer_release', 'b']) append(entry(id))
    await appendQueue.idle()
    expect(seqs(settled)).toEqual([
      ['a', 1],
      ['refused room_not_found', 'room_not_found'],
      ['refused of_a_newer_release', 'not_allowed'],
      ['b', 2]
    ])
  })

  test('collects the next batch while one is in flight, and never has two in flight', async () => {
    const log = memoryLog()
    let release = () => {}
    let inFlight = 0
    let maximum = 0
    const append = async (batch: NewEntry[]) => {
      maximum = Math.max(maximum, ++inFlight)
      await new Promise<void>(resolve => {
        release = resolve
      })
      inFlight--
      return log.append(batch)
    }
    const { appendQueue, append: add } = start(log, { append })
    add(entry('a'))
    await Promise.resolve()
    add(entry('b'))
    add(entry('c'))
    release()
    await new Promise(setImmediate)
    release()
    await appendQueue.idle()
    expect(log.batches).toEqual([['a'], ['b', 'c']])
    expect(maximum).toBe(1)
  })

  test('limits the size of a batch', async () => {
    const log = memoryLog()
    const { appendQueue, append } = start(log, { maxBatch: 2 })
    for (const id of ['a', 'b', 'c', 'd', 'e']) append(entry(id))
    await appendQueue.idle()
    expect(log.batches.map(batch => batch.length)).toEqual([2, 2, 1])
  })

  test('appends an entry that is repeated within a batch once, and settles the repetition as a replay', async () => {
    const log = memoryLog()
    const { appendQueue, append, settled } = start(log)
    append(entry('same', 'first'))
    append(entry('same', 'second'))
    await appendQueue.idle()
    expect(log.batches).toEqual([['same']])
    const [first, second] = settled.map(([, outcome]) => 'appended' in outcome && outcome.appended)
    expect(first).toMatchObject({ seq: 1, outcome: 'stored' })
    expect(second).toMatchObject({ seq: 1, outcome: 'replayed', stored: { content: 'first' } })
  })

  test('retries the whole batch if the connection was lost, even after the commit', async () => {
    const log = memoryLog()
    const loseFirstResponse = async (batch: NewEntry[]) => {
      const appended = await log.append(batch)
      if (log.batches.length === 1) throw new ConnectionLost()
      return appended
    }
    const { appendQueue, append, settled } = start(log, { append: loseFirstResponse })
    append(entry('a'))
    append(entry('b'))
    await appendQueue.idle()
    expect(log.stored.size).toBe(2)
    expect(seqs(settled)).toEqual([
      ['a', 1],
      ['b', 2]
    ])
  })

  test('settles every entry with an error if the connection stays lost', async () => {
    const lost = () => {
      throw new ConnectionLost()
    }
    const { appendQueue, append, settled } = start(memoryLog([lost, lost, lost]), { retryDelays: [1, 1] })
    append(entry('a'))
    append(entry('b'))
    await appendQueue.idle()
    expect(seqs(settled)).toEqual([
      ['a', 'unavailable'],
      ['b', 'unavailable']
    ])
  })

  test('halves a batch that the database refuses until only the invalid entry fails', async () => {
    const refuseBad = (batch: NewEntry[]) => {
      if (batch.some(({ writeId }) => writeId === 'bad')) throw new Error('22021')
    }
    const log = memoryLog(Array.from({ length: 20 }, () => refuseBad))
    const { appendQueue, append, settled } = start(log)
    for (const id of ['a', 'b', 'bad', 'c', 'd']) append(entry(id))
    await appendQueue.idle()
    expect(Object.fromEntries(seqs(settled))).toEqual({ a: 1, b: 2, bad: 'unavailable', c: 3, d: 4 })
  })

  test('rejects entries with busy while the queue is full, and accepts them when it has drained', async () => {
    const { appendQueue, append, settled } = start(memoryLog(), { maxQueue: 2 })
    append(entry('a'))
    append(entry('b'))
    expect(() => append(entry('c'))).toThrowError(ChatError)
    await appendQueue.idle()
    append(entry('c'))
    await appendQueue.idle()
    expect(seqs(settled).map(([id]) => id)).toEqual(['a', 'b', 'c'])
  })

  test.each(['refuse', 'report'] as const)(
    'rejects the whole batch without retries if the fault is %s',
    async fault => {
      const log = memoryLog([
        () => {
          throw new Fault(fault)
        }
      ])
      const failures: unknown[] = []
      const { appendQueue, append, settled } = start(log, { onFailure: (_, entries) => failures.push(entries) })
      for (let at = 0; at < 100; at++) append(entry(`${at}`))
      await appendQueue.idle()
      expect(log.batches).toHaveLength(1)
      expect(failures).toEqual([100])
      expect(settled.every(([, outcome]) => 'error' in outcome && outcome.error.code === 'unavailable')).toBe(true)
    }
  )

  test('retries a batch if the session was read-only', async () => {
    const readOnly = () => {
      throw new Fault('replace-connection')
    }
    const { appendQueue, append, settled } = start(memoryLog([readOnly, readOnly]))
    append(entry('a'))
    await appendQueue.idle()
    expect(seqs(settled)).toEqual([['a', 1]])
  })
})

/** Creates a log in which rooms can be locked. An append to a locked room fails with the error of an expired lock timeout. */
const lockableLog = () => {
  const log = memoryLog()
  const locked = new Set<number>()
  const append = async (batch: NewEntry[]) => {
    const stored = batch.some(({ roomId }) => locked.has(roomId)) ? [] : await log.append(batch)
    if (stored.length === 0) throw new Fault('locked')
    return stored
  }
  // A retry waits until the test calls `resume`.
  let release = () => {}
  const waiting: (() => void)[] = []
  const delay = () =>
    new Promise<void>(resolve => {
      waiting.push(resolve)
      release()
    })
  return {
    log,
    locked,
    /** Resolves when a retry is waiting. */
    retry: () =>
      new Promise<void>(resolve => {
        release = resolve
        if (waiting.length > 0) resolve()
      }),
    resume() {
      for (const resolve of waiting.splice(0)) resolve()
    },
    options: { append, delay, lockedRooms: async (ids: number[]) => ids.filter(id => locked.has(id)) }
  }
}

describe('a locked room', () => {
  test('delays only its own messages, and keeps their order', async () => {
    const { log, locked, retry, resume, options } = lockableLog()
    const { appendQueue, append, settled } = start(log, options)
    locked.add(2)
    append(entry('a', 'a', 1))
    append(entry('b', 'b', 2))
    append(entry('c', 'c', 3))
    await retry()
    expect(settled.map(([id]) => id)).toEqual(['a', 'c'])
    // Later messages to other rooms don't wait for the locked room. Later messages to the locked room keep their order.
    append(entry('d', 'd', 2))
    append(entry('e', 'e', 1))
    await new Promise(setImmediate)
    expect(settled.map(([id]) => id)).toEqual(['a', 'c', 'e'])
    locked.clear()
    resume()
    await appendQueue.idle()
    expect(settled.map(([id]) => id)).toEqual(['a', 'c', 'e', 'b', 'd'])
    expect(log.batches).toEqual([['a', 'c'], ['e'], ['b'], ['d']])
  })

  test('delays only its own messages also if another row of the room is locked', async () => {
    const { log, locked, retry, resume, options } = lockableLog()
    const { appendQueue, append, settled } = start(log, { ...options, lockedRooms: async () => [] })
    locked.add(2)
    append(entry('a', 'a', 1))
    append(entry('b', 'b', 2))
    append(entry('c', 'c', 3))
    append(entry('d', 'd', 1))
    await retry()
    await new Promise(setImmediate)
    expect(settled.map(([id]) => id).sort()).toEqual(['a', 'c', 'd'])
    locked.clear()
    resume()
    await appendQueue.idle()
    append(entry('e', 'e', 2))
    append(entry('f', 'f', 1))
    await appendQueue.idle()
    expect(Object.fromEntries(seqs(settled))).toMatchObject({ a: expect.any(Number), b: expect.any(Number) })
    expect(log.batches.at(-1)).toEqual(['e', 'f'])
  })

  test('has its own batches until the first message is stored after the lock was released', async () => {
    const { log, locked, options } = lockableLog()
    const batches: number[][] = []
    const traced = (batch: NewEntry[]) => {
      batches.push(batch.map(({ roomId }) => roomId))
      return options.append(batch)
    }
    const { appendQueue, append, settled } = start(log, { ...options, append: traced, retryDelays: [] })
    locked.add(2)
    append(entry('a', 'a', 2))
    await appendQueue.idle()
    append(entry('b', 'b', 2))
    append(entry('c', 'c', 1))
    await appendQueue.idle()
    locked.clear()
    append(entry('d', 'd', 2))
    await appendQueue.idle()
    append(entry('e', 'e', 2))
    append(entry('f', 'f', 1))
    await appendQueue.idle()
    expect(Object.fromEntries(seqs(settled))).toMatchObject({
      a: 'unavailable',
      b: 'unavailable',
      c: 1,
      d: 2,
      e: 3,
      f: 4
    })
    // After a message to the formerly locked room has been stored, both rooms share a batch again.
    expect(batches.at(-1)).toEqual([2, 1])
    expect(batches.filter(rooms => rooms.length > 1)).toEqual([[2, 1]])
  })

  test('keeps the order of its messages if the first half of a divided batch meets the lock', async () => {
    const { log, locked, retry, resume, options } = lockableLog()
    const isBad = ({ writeId }: NewEntry) => writeId === 'bad'
    const append = async (batch: NewEntry[]) => {
      if (batch.some(isBad)) throw new Fault('divide')
      return options.append(batch)
    }
    const { appendQueue, append: add, settled } = start(log, { ...options, append })
    locked.add(2)
    for (const one of [entry('a', 'a', 2), entry('b', 'b', 1), entry('c', 'c', 2), entry('bad')]) add(one)
    // The first batch is already in flight, so this entry is in the next batch.
    await Promise.resolve().then(() => add(entry('d', 'd', 2)))
    await retry()
    locked.clear()
    resume()
    await appendQueue.idle()
    expect(log.batches.flat()).toEqual(['b', 'a', 'c', 'd'])
    expect(settled.map(([id]) => id).sort()).toEqual(['a', 'b', 'bad', 'c', 'd'])
  })

  test('shares batches with other rooms again if its last failure was not a lock', async () => {
    const { log, locked, retry, resume, options } = lockableLog()
    const deleted = new Set<number>()
    const batches: number[][] = []
    const append = async (batch: NewEntry[]) => {
      batches.push(batch.map(({ roomId }) => roomId))
      if (batch.some(({ roomId }) => deleted.has(roomId))) throw new Fault('divide')
      return options.append(batch)
    }
    const { appendQueue, append: add, settled } = start(log, { ...options, append })
    locked.add(2)
    add(entry('a', 'a', 2))
    await retry()
    locked.clear()
    deleted.add(2)
    resume()
    await appendQueue.idle()
    expect(seqs(settled)).toEqual([['a', 'unavailable']])
    add(entry('b', 'b', 2))
    add(entry('c', 'c', 1))
    await appendQueue.idle()
    expect(batches).toContainEqual([2, 1])
  })

  test('does not block idle, and counts a message that was repeated meanwhile only once against the queue limit', async () => {
    const { log, locked, retry, resume, options } = lockableLog()
    const { appendQueue, append, settled } = start(log, { ...options, maxQueue: 4 })
    locked.add(1)
    append(entry('same', 'first'))
    await Promise.resolve()
    append(entry('same', 'second'))
    await retry()
    locked.clear()
    resume()
    await appendQueue.idle()
    const [first, second] = settled.map(([, outcome]) => 'appended' in outcome && outcome.appended)
    expect(first).toMatchObject({ seq: 1, outcome: 'stored' })
    expect(second).toMatchObject({ seq: 1, outcome: 'replayed', stored: { content: 'first' } })
    for (const id of ['a', 'b', 'c', 'd']) append(entry(id))
    expect(() => append(entry('e'))).toThrowError(ChatError)
    await appendQueue.idle()
  })
})
