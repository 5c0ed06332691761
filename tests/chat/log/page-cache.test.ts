import { describe, expect, test } from 'vitest'
import { createPageCache } from '../../../src/chat/log/page-cache.ts'
import { cpuMilliseconds } from '../../support/growth.ts'
import fc from '../../support/properties.ts'

const entry = (seq: number) => ({ seq, bytes: 10 })
const upTo = (from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => entry(from + at))

/**
 * Creates a page cache for a log of `length` entries. `log.deleted` contains the entries that a test has deleted.
 * `log.readings` contains the ranges that the page cache has read.
 */
const start = (length: number, options: { maxBytes?: number; pageSize?: number } = {}) => {
  const log = { length, deleted: new Set<number>(), readings: [] as [number, number][] }
  const left = (from: number, to: number) =>
    upTo(from, Math.min(to, log.length)).filter(({ seq }) => !log.deleted.has(seq))
  const pages = createPageCache({
    pageSize: 10,
    ...options,
    read: async (_, from, to) => {
      log.readings.push([from, to])
      const found = left(from, to)
      await Promise.resolve()
      return found
    },
    firstSeq: async (_, from, to) => left(from, to)[0]?.seq
  })
  return { log, pages }
}

describe('the page cache', () => {
  test('reads a page once for concurrent requests', async () => {
    const { log, pages } = start(100)
    const results = await Promise.all(Array.from({ length: 1000 }, (_, at) => pages.from(1, 41 + (at % 10), 100)))
    expect(log.readings).toEqual([[41, 50]])
    expect(results[3]).toEqual(upTo(44, 50))
    expect(pages.from(1, 45, 100)).toEqual(upTo(45, 50))
    expect(log.readings.length).toBe(1)
  })

  test('adds delivered entries to the pages that were read', async () => {
    const { log, pages } = start(45)
    await pages.from(1, 41, 45)
    for (let seq = 46; seq <= 52; seq++) pages.add(1, entry(seq))
    log.length = 52
    expect(pages.from(1, 41, 52)).toEqual(upTo(41, 50))
    expect(pages.from(1, 51, 52)).toEqual(upTo(51, 52))
    expect(log.readings).toEqual([[41, 45]])
  })

  test('reads only the entries after the cached ones of a page', async () => {
    const { log, pages } = start(45)
    await pages.from(1, 41, 45)
    log.length = 47
    expect(await pages.from(1, 46, 47)).toEqual(upTo(46, 47))
    log.length = 52
    expect(await pages.from(1, 50, 52)).toEqual(upTo(50, 50))
    expect(pages.from(1, 41, 52)).toEqual(upTo(41, 50))
    expect(log.readings).toEqual([
      [41, 45],
      [46, 47],
      [48, 50]
    ])
  })

  test('keeps a page complete, regardless of which of two reads ends first', async () => {
    const { pages, completeRead } = startReadings()
    const seqs = async (from: number) => (await pages.from(1, from, 20)).map(({ seq }) => seq)
    pages.add(1, { ...entry(13), userId: 13, by: 0 })
    const [whole, rest] = [seqs(11), seqs(14)]
    await completeRead()
    await completeRead()
    expect(await whole).toEqual([11, 12, 13, 14, 15, 16, 17, 18, 19, 20])
    expect(await rest).toEqual([14, 15, 16, 17, 18, 19, 20])
    expect(pages.from(1, 11, 20)).toHaveLength(10)
  })

  test('does not combine the rest of a page with a part that was dropped during the read', async () => {
    const { pages, completeRead } = startReadings()
    pages.add(1, { ...entry(11), userId: 11, by: 0 })
    const rest = pages.from(1, 12, 20)
    pages.invalidate(1, 11, 11)
    await completeRead()
    expect(await rest).toHaveLength(9)
    const whole = pages.from(1, 11, 20)
    await completeRead()
    expect(await whole).toHaveLength(10)
  })

  test('reads the entries before the first cached entry of a page', async () => {
    const { pages } = start(47)
    pages.add(1, entry(47))
    expect(await pages.from(1, 43, 47)).toEqual(upTo(43, 47))
    expect(pages.from(1, 43, 47)).toEqual(upTo(43, 47))
  })

  test('never returns entries beyond the requested end', async () => {
    const { pages } = start(50)
    for (const seq of [41, 42, 43]) pages.add(1, entry(seq))
    expect(pages.from(1, 41, 42)).toEqual(upTo(41, 42))
    expect(await pages.from(1, 44, 45)).toEqual(upTo(44, 45))
  })

  test('stays within its size limit, and keeps the pages that were read last', async () => {
    const { log, pages } = start(1000, { maxBytes: 500 })
    for (let page = 0; page < 10; page++) await pages.from(1, page * 10 + 1, 1000)
    expect(pages.bytes).toBe(500)
    log.readings.length = 0
    expect(pages.from(1, 91, 1000)).toEqual(upTo(91, 100))
    await pages.from(1, 1, 1000)
    expect(log.readings).toEqual([[1, 10]])
  })

  test('keeps the pages of rooms apart, and drops the pages of one room', async () => {
    const { log, pages } = start(10)
    await pages.from(1, 1, 10)
    await pages.from(2, 1, 10)
    expect(log.readings.length).toBe(2)
    pages.forget(1)
    expect(pages.bytes).toBe(100)
    expect(pages.from(2, 1, 10)).toEqual(upTo(1, 10))
    await pages.from(1, 1, 10)
    expect(log.readings.length).toBe(3)
  })

  test('drops entries below a seq, and discards reads that were in progress', async () => {
    const { log, pages } = start(30)
    for (const from of [1, 11, 21]) await pages.from(1, from, 30)
    pages.forget(1, 15)
    expect(pages.bytes).toBe(100)
    expect(pages.from(1, 21, 30)).toEqual(upTo(21, 30))
    const before = pages.from(1, 1, 30)
    pages.forget(1)
    const after = pages.from(1, 1, 30)
    expect([await before, await after]).toEqual([upTo(1, 10), upTo(1, 10)])
    log.readings.length = 0
    expect(pages.from(1, 1, 30)).toEqual(upTo(1, 10))
    expect(log.readings).toEqual([])
  })

  test('returns entries up to a gap, and then the entries after it', async () => {
    const { log, pages } = start(30)
    for (const seq of [4, 5, 8]) log.deleted.add(seq)
    expect(await pages.from(1, 2, 30)).toEqual(upTo(2, 3))
    expect(await pages.from(1, 4, 30)).toEqual(upTo(6, 7))
    expect(await pages.from(1, 8, 8)).toEqual([])
  })

  test('caches pages with gaps, and can return entries on both sides of a gap', async () => {
    const { log, pages } = start(12)
    for (const seq of [4, 5, 8]) log.deleted.add(seq)
    expect(await pages.past(1, 2, 12)).toEqual([2, 3, 6, 7, 9, 10].map(entry))
    expect(pages.past(1, 4, 7)).toEqual([entry(6), entry(7)])
    expect(pages.from(1, 5, 12)).toEqual([entry(6), entry(7)])
    expect(pages.past(1, 4, 5)).toEqual([])
    expect(log.readings).toEqual([[1, 10]])
  })

  test('does not cache entries that do not exist yet as a gap', async () => {
    const { log, pages } = start(4)
    expect(await pages.from(1, 5, 8)).toEqual([])
    log.length = 7
    pages.add(1, entry(5))
    expect(pages.from(1, 4, 5)).toEqual([entry(4), entry(5)])
    expect(await pages.from(1, 6, 7)).toEqual([entry(6), entry(7)])
  })

  test('does not cache an entry that was not added yet as a gap', async () => {
    const { log, pages } = start(6)
    const reading = pages.past(1, 1, 4)
    pages.add(1, entry(6))
    await reading
    expect(await pages.past(1, 1, 6)).toEqual(upTo(1, 4))
    expect(await pages.past(1, 5, 6)).toEqual(upTo(5, 6))
    expect(log.readings.length).toBe(2)
  })

  test('skips any number of empty pages', async () => {
    const { log, pages } = start(100_000)
    for (let seq = 5; seq <= 99_990; seq++) log.deleted.add(seq)
    expect(await pages.from(1, 5, 100_000)).toEqual(upTo(99_991, 100_000))
    expect(await pages.from(1, 5, 99_990)).toEqual([])
    expect(log.readings.length).toBeLessThan(5)
  })

  test('reads a page again after a read failed', async () => {
    let isDown = true
    const pages = createPageCache({
      firstSeq: async () => undefined,
      read: async (_, from, to) => {
        if (isDown) throw new Error('down')
        return upTo(from, to)
      }
    })
    await expect(pages.from(1, 1, 5)).rejects.toThrow('down')
    isDown = false
    expect(await pages.from(1, 1, 5)).toEqual(upTo(1, 5))
  })

  test('matches the log after any sequence of additions, reads and deletions', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('grow' as const), by: fc.integer({ min: 1, max: 15 }), isAdded: fc.boolean() }),
      fc.record({ kind: fc.constant('delete' as const), at: fc.nat(200), count: fc.integer({ min: 1, max: 25 }) }),
      fc.record({ kind: fc.constant('read' as const), at: fc.nat(200), count: fc.integer({ min: 1, max: 30 }) })
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 60 }), async steps => {
        const { log, pages } = start(5, { maxBytes: 300 })
        for (const one of steps) {
          if (one.kind === 'grow') {
            for (let count = 0; count < one.by; count++) {
              log.length++
              if (one.isAdded) pages.add(1, entry(log.length))
            }
            continue
          }
          const from = 1 + (one.at % log.length)
          const to = Math.min(from + one.count, log.length)
          if (one.kind === 'delete') {
            for (let seq = from; seq <= to; seq++) log.deleted.add(seq)
            pages.forget(1)
          } else {
            const found = await pages.from(1, from, to)
            const left = upTo(from, to).filter(({ seq }) => !log.deleted.has(seq))
            const past = await pages.past(1, from, to)
            expect(past).toEqual(left.slice(0, past.length))
            expect(past.length).toBeGreaterThanOrEqual(found.length)
            expect(found.length > 0).toBe(left.length > 0)
            expect(found).toEqual(left.slice(0, found.length))
            expect(found).toEqual(upTo(found[0]?.seq ?? 1, found.at(-1)?.seq ?? 0))
          }
          expect(pages.bytes).toBeLessThanOrEqual(300)
        }
      })
    )
  })
})

/**
 * Creates a page cache with slow reads. In each entry, `by` is the number of the read that loaded the entry, and `userId` is
 * the author. `completeRead` completes the oldest pending read. `readings` returns `by` of an entry, or undefined if the entry
 * is not in the page cache.
 */
const startReadings = (isCurrent = () => true) => {
  let reading = 0
  const pendingReads: (() => void)[] = []
  const pages = createPageCache({
    pageSize: 10,
    isCurrent,
    read: async (_, from, to) => {
      const by = ++reading
      await new Promise<void>(resolve => pendingReads.push(resolve))
      return upTo(from, to).map(placed => ({ ...placed, userId: placed.seq, by }))
    },
    firstSeq: async () => undefined
  })
  const settled = () => new Promise(setImmediate)
  const completeRead = async () => {
    await settled()
    pendingReads.shift()?.()
    await settled()
  }
  const readings = async (from: number) => {
    const found = pages.from(1, from, 20)
    return Array.isArray(found) ? found[0]?.by : undefined
  }
  return { pages, completeRead, readings }
}

describe('a change of the log', () => {
  test('drops the page of the changed entry, and no other page', async () => {
    const { pages, completeRead, readings } = startReadings()
    for (const from of [1, 11]) {
      void pages.from(1, from, 20)
      await completeRead()
    }
    pages.invalidate(1, 5, 5)
    pages.invalidate(2, 1, 20)
    expect(await readings(1)).toBeUndefined()
    expect(await readings(11)).toBe(2)
  })

  test('drops all pages of a range, and all pages with entries of a user', async () => {
    const { pages, completeRead, readings } = startReadings()
    for (const from of [1, 11]) {
      void pages.from(1, from, 20)
      await completeRead()
    }
    pages.invalidateUsers(new Set([13]))
    expect(await readings(1)).toBe(1)
    expect(await readings(11)).toBeUndefined()
    await completeRead()
    pages.invalidate(1, 10, 11)
    expect(await readings(1)).toBeUndefined()
    expect(await readings(11)).toBeUndefined()
  })

  test('discards the result of a read that began before the change', async () => {
    const { pages, completeRead, readings } = startReadings()
    const early = pages.from(1, 1, 20)
    const joining = pages.from(1, 2, 20)
    pages.invalidate(1, 3, 3)
    const late = pages.from(1, 1, 20)
    await completeRead()
    await completeRead()
    await completeRead()
    for (const found of [await early, await joining, await late]) expect(found[0]).toMatchObject({ by: 2 })
    expect(await readings(1)).toBe(2)
  })

  test('does not repeat a read for a message with a newer state, and does not cache the result', async () => {
    const { pages, completeRead, readings } = startReadings()
    const early = pages.from(1, 1, 20)
    pages.changed(1, 3)
    const late = pages.from(1, 1, 20)
    for (let change = 0; change < 3; change++) {
      pages.changed(1, 3)
      await completeRead()
    }
    expect([(await early)[0], (await late)[0]]).toMatchObject([{ by: 1 }, { by: 2 }])
    expect(await readings(1)).toBeUndefined()
    await completeRead()
    expect(await readings(1)).toBe(3)
  })

  type Readings = ReturnType<typeof startReadings>['pages']
  test.for<[string, (pages: Readings) => void]>([
    ['is erased', pages => pages.changed(1, 3, true)],
    ['is changed by SQL', pages => pages.invalidate(1, 3, 3)],
    ['has an author who is renamed', pages => pages.invalidateUsers(new Set([3]))]
  ])('repeats all reads of a message that %s, also those whose results are not cached', async ([, change]) => {
    const { pages, completeRead } = startReadings()
    const early = pages.from(1, 1, 20)
    pages.changed(1, 3)
    const late = pages.from(1, 1, 20)
    change(pages)
    for (let read = 0; read < 3; read++) await completeRead()
    expect([(await early)[0], (await late)[0]]).toMatchObject([{ by: 3 }, { by: 3 }])
  })

  test('drops all pages of a room that is loaded again, and does not cache the reads that began before', async () => {
    const { pages, completeRead, readings } = startReadings()
    void pages.from(1, 1, 20)
    await completeRead()
    const { version } = pages
    const early = pages.from(1, 11, 20)
    pages.loaded(2)
    expect(await readings(1)).toBe(1)
    pages.loaded(1)
    await completeRead()
    expect((await early)[0]).toMatchObject({ by: 2 })
    expect([await readings(1), await readings(11)]).toEqual([undefined, undefined])
    expect(pages.version).toBe(version)
  })

  test('drops the pages of a room with entries of an erased user, and repeats the reads of the room before the erasure', async () => {
    const { pages, completeRead, readings } = startReadings()
    for (const from of [1, 11]) {
      void pages.from(1, from, 20)
      await completeRead()
    }
    pages.eraseUser(2, 13, 20)
    pages.eraseUser(1, 13, 10)
    expect([await readings(1), await readings(11)]).toEqual([1, 2])
    pages.eraseUser(1, 13, 14)
    expect([await readings(1), await readings(11)]).toEqual([1, undefined])
    pages.eraseUser(1, 13, 14)
    await completeRead()
    expect(await readings(11)).toBeUndefined()
    await completeRead()
    expect(await readings(11)).toBe(4)
  })

  test('drops pages without searching the pages of other rooms', () => {
    const { pages } = start(1)
    for (let room = 1; room <= 50_000; room++) pages.add(room, entry(1))
    const spent = cpuMilliseconds(() => {
      for (let room = 1; room <= 10_000; room++) pages.invalidate(room, 1, 1)
      for (let room = 10_001; room <= 20_000; room++) pages.forget(room)
    })
    // If each change searched all pages, the changes would take half a minute.
    expect(spent).toBeLessThan(5000)
    expect(pages.bytes).toBe(300_000)
  })

  test('does not repeat a read of unchanged entries, regardless of the number of changes', async () => {
    const { pages, completeRead, readings } = startReadings()
    const found = pages.from(1, 1, 20)
    for (let seq = 11; seq <= 20; seq++) {
      pages.invalidate(1, seq, seq)
      pages.invalidate(2, 1, seq)
      pages.invalidateUsers(new Set([seq]))
      pages.forget(2)
    }
    await completeRead()
    expect((await found)[0]).toMatchObject({ by: 1 })
    expect(await readings(1)).toBe(1)
  })

  test('repeats a read with entries of a changed user, even for requests after the change', async () => {
    const { pages, completeRead, readings } = startReadings()
    const early = pages.from(1, 1, 20)
    pages.invalidateUsers(new Set([3]))
    const late = pages.from(1, 1, 20)
    await completeRead()
    await completeRead()
    for (const found of [await early, await late]) expect(found[0]).toMatchObject({ by: 2 })
    expect(await readings(1)).toBe(2)
  })

  test('reads from the database while changes may have been missed', async () => {
    let isCurrent = true
    const { pages, completeRead } = startReadings(() => isCurrent)
    void pages.from(1, 1, 20)
    await completeRead()
    isCurrent = false
    const found = pages.from(1, 1, 20)
    await completeRead()
    expect((await found)[0]).toMatchObject({ by: 2 })
  })

  test('drops all pages if the change is unknown', async () => {
    const { pages, completeRead, readings } = startReadings()
    void pages.from(1, 1, 20)
    await completeRead()
    const { version } = pages
    pages.clear()
    expect([pages.bytes, pages.version === version]).toEqual([0, false])
    expect(await readings(1)).toBeUndefined()
  })
})
