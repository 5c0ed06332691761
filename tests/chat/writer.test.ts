import { describe, expect, test } from 'vitest'
import { createWriter, type Outcome, type WriterOptions } from '../../src/chat/writer.ts'
import type { AppendedEntry, NewEntry } from '../../src/db/database.ts'
import { ChatError } from '../../src/errors.ts'

const entry = (writeId: string, content = writeId): NewEntry => ({
  roomId: 1,
  userId: 1,
  writeId,
  kind: 'message',
  content,
  meta: null,
  keyId: 'k'
})

/** A log in memory that fails as it is told: one thunk a call, `undefined` for a call that succeeds. */
const memoryLog = (failures: (((batch: NewEntry[]) => void) | undefined)[] = []) => {
  const stored = new Map<string, AppendedEntry & { content: string | null }>()
  const batches: string[][] = []
  const append = async (batch: NewEntry[]): Promise<AppendedEntry[]> => {
    batches.push(batch.map(({ writeId }) => writeId))
    failures.shift()?.(batch)
    return batch.map(({ writeId, content, meta }) => {
      const known = stored.get(writeId)
      if (known) return { ...known, replayed: true, stored: { content: known.content, meta } }
      const added = { id: stored.size + 1, seq: stored.size + 1, createdAt: 0, replayed: false, stored: null, content }
      stored.set(writeId, added)
      return added
    })
  }
  return { append, batches, stored }
}

class ConnectionLost extends Error {}

const start = (log: ReturnType<typeof memoryLog>, options: Partial<WriterOptions> = {}) => {
  const settled: [string, Outcome][] = []
  const writer = createWriter({
    append: log.append,
    isConnectionError: error => error instanceof ConnectionLost,
    delay: async () => {},
    ...options
  })
  const append = (one: NewEntry) => writer.append(one, outcome => settled.push([one.writeId, outcome]))
  return { writer, append, settled }
}

const seqs = (settled: [string, Outcome][]) =>
  settled.map(([writeId, outcome]) => [writeId, 'appended' in outcome ? outcome.appended.seq : outcome.error.code])

describe('the writer', () => {
  test('writes what arrives together in one batch, and settles it in order', async () => {
    const log = memoryLog()
    const { writer, append, settled } = start(log)
    for (const id of ['a', 'b', 'c']) append(entry(id))
    await writer.idle()
    expect(log.batches).toEqual([['a', 'b', 'c']])
    expect(seqs(settled)).toEqual([
      ['a', 1],
      ['b', 2],
      ['c', 3]
    ])
  })

  test('gathers the next batch while one is in flight, and never has two', async () => {
    const log = memoryLog()
    let release = () => {}
    let inFlight = 0
    let most = 0
    const append = async (batch: NewEntry[]) => {
      most = Math.max(most, ++inFlight)
      await new Promise<void>(resolve => {
        release = resolve
      })
      inFlight--
      return log.append(batch)
    }
    const { writer, append: add } = start(log, { append })
    add(entry('a'))
    await Promise.resolve()
    add(entry('b'))
    add(entry('c'))
    release()
    await new Promise(setImmediate)
    release()
    await writer.idle()
    expect(log.batches).toEqual([['a'], ['b', 'c']])
    expect(most).toBe(1)
  })

  test('bounds a batch', async () => {
    const log = memoryLog()
    const { writer, append } = start(log, { maxBatch: 2 })
    for (const id of ['a', 'b', 'c', 'd', 'e']) append(entry(id))
    await writer.idle()
    expect(log.batches.map(batch => batch.length)).toEqual([2, 2, 1])
  })

  test('writes a repeat within a batch once, and answers it as a replay', async () => {
    const log = memoryLog()
    const { writer, append, settled } = start(log)
    append(entry('same', 'first'))
    append(entry('same', 'second'))
    await writer.idle()
    expect(log.batches).toEqual([['same']])
    const [first, second] = settled.map(([, outcome]) => 'appended' in outcome && outcome.appended)
    expect(first).toMatchObject({ seq: 1, replayed: false })
    expect(second).toMatchObject({ seq: 1, replayed: true, stored: { content: 'first' } })
  })

  test('repeats a whole batch when the connection was lost, also after its commit', async () => {
    const log = memoryLog()
    const lostAnswer = async (batch: NewEntry[]) => {
      const appended = await log.append(batch)
      if (log.batches.length === 1) throw new ConnectionLost()
      return appended
    }
    const { writer, append, settled } = start(log, { append: lostAnswer })
    append(entry('a'))
    append(entry('b'))
    await writer.idle()
    expect(log.stored.size).toBe(2)
    expect(seqs(settled)).toEqual([
      ['a', 1],
      ['b', 2]
    ])
  })

  test('gives up on a connection that stays lost, and tells every sender', async () => {
    const lost = () => {
      throw new ConnectionLost()
    }
    const { writer, append, settled } = start(memoryLog([lost, lost, lost]), { retryDelays: [1, 1] })
    append(entry('a'))
    append(entry('b'))
    await writer.idle()
    expect(seqs(settled)).toEqual([
      ['a', 'unavailable'],
      ['b', 'unavailable']
    ])
  })

  test('halves a batch that the database refuses down to the entry that is to blame', async () => {
    const refuseBad = (batch: NewEntry[]) => {
      if (batch.some(({ writeId }) => writeId === 'bad')) throw new Error('22021')
    }
    const log = memoryLog(Array.from({ length: 20 }, () => refuseBad))
    const { writer, append, settled } = start(log)
    for (const id of ['a', 'b', 'bad', 'c', 'd']) append(entry(id))
    await writer.idle()
    expect(Object.fromEntries(seqs(settled))).toEqual({ a: 1, b: 2, bad: 'unavailable', c: 3, d: 4 })
  })

  test('answers busy when its queue is full, and takes more when it has drained', async () => {
    const { writer, append, settled } = start(memoryLog(), { maxQueue: 2 })
    append(entry('a'))
    append(entry('b'))
    expect(() => append(entry('c'))).toThrowError(ChatError)
    await writer.idle()
    append(entry('c'))
    await writer.idle()
    expect(seqs(settled).map(([id]) => id)).toEqual(['a', 'b', 'c'])
  })
})
