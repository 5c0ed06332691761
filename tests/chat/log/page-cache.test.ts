import { describe, expect, test } from 'vitest'
import { createPageCache } from '../../../src/chat/log/page-cache.ts'
import { cpuMilliseconds } from '../../support/growth.ts'
import fc from '../../support/properties.ts'

const entry = (seq: number) => ({ seq, bytes: 10 })
const upTo = (from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => entry(from + at))

/** Creates a page cache over a log of `length` entries. Tests can delete entries, and see which ranges were read. */
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

describe('pages of the log', () => {
  test('are read once, however many ask at once', async () => {
    const { log, pages } = start(100)
    const answers = await Promise.all(Array.from({ length: 1000 }, (_, at) => pages.from(1, 41 + (at % 10), 100)))
    expect(log.readings).toEqual([[41, 50]])
    expect(answers[3]).toEqual(upTo(44, 50))
    expect(pages.from(1, 45, 100)).toEqual(upTo(45, 50))
    expect(log.readings.length).toBe(1)
  })

  test('take up what is delivered, and join it with what is read', async () => {
    const { log, pages } = start(45)
    await pages.from(1, 41, 45)
    for (let seq = 46; seq <= 52; seq++) pages.add(1, entry(seq))
    log.length = 52
    expect(pages.from(1, 41, 52)).toEqual(upTo(41, 50))
    expect(pages.from(1, 51, 52)).toEqual(upTo(51, 52))
    expect(log.readings).toEqual([[41, 45]])
  })

  test('read what came before their first entry', async () => {
    const { pages } = start(47)
    pages.add(1, entry(47))
    expect(await pages.from(1, 43, 47)).toEqual(upTo(43, 47))
    expect(pages.from(1, 43, 47)).toEqual(upTo(43, 47))
  })

  test('never show what is beyond the head that is asked for', async () => {
    const { pages } = start(50)
    for (const seq of [41, 42, 43]) pages.add(1, entry(seq))
    expect(pages.from(1, 41, 42)).toEqual(upTo(41, 42))
    expect(await pages.from(1, 44, 45)).toEqual(upTo(44, 45))
  })

  test('stay within their bytes, and keep what was read last', async () => {
    const { log, pages } = start(1000, { maxBytes: 500 })
    for (let page = 0; page < 10; page++) await pages.from(1, page * 10 + 1, 1000)
    expect(pages.bytes).toBe(500)
    log.readings.length = 0
    expect(pages.from(1, 91, 1000)).toEqual(upTo(91, 100))
    await pages.from(1, 1, 1000)
    expect(log.readings).toEqual([[1, 10]])
  })

  test('of one room are not another’s, and can be forgotten', async () => {
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

  test('forget what is below a place, and what was being read meanwhile', async () => {
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

  test('end at a gap, and go on after it', async () => {
    const { log, pages } = start(30)
    for (const seq of [4, 5, 8]) log.deleted.add(seq)
    expect(await pages.from(1, 2, 30)).toEqual(upTo(2, 3))
    expect(await pages.from(1, 4, 30)).toEqual(upTo(6, 7))
    expect(await pages.from(1, 8, 8)).toEqual([])
  })

  test('are kept with their gaps, which can be read past', async () => {
    const { log, pages } = start(12)
    for (const seq of [4, 5, 8]) log.deleted.add(seq)
    expect(await pages.past(1, 2, 12)).toEqual([2, 3, 6, 7, 9, 10].map(entry))
    expect(pages.past(1, 4, 7)).toEqual([entry(6), entry(7)])
    expect(pages.from(1, 5, 12)).toEqual([entry(6), entry(7)])
    expect(pages.past(1, 4, 5)).toEqual([])
    expect(log.readings).toEqual([[1, 10]])
  })

  test('have no gap where entries are still to come', async () => {
    const { log, pages } = start(4)
    expect(await pages.from(1, 5, 8)).toEqual([])
    log.length = 7
    pages.add(1, entry(5))
    expect(pages.from(1, 4, 5)).toEqual([entry(4), entry(5)])
    expect(await pages.from(1, 6, 7)).toEqual([entry(6), entry(7)])
  })

  test('have no gap where an entry was not added yet', async () => {
    const { log, pages } = start(6)
    const reading = pages.past(1, 1, 4)
    pages.add(1, entry(6))
    await reading
    expect(await pages.past(1, 1, 6)).toEqual(upTo(1, 4))
    expect(await pages.past(1, 5, 6)).toEqual(upTo(5, 6))
    expect(log.readings.length).toBe(2)
  })

  test('skip pages of which nothing is left, however many', async () => {
    const { log, pages } = start(100_000)
    for (let seq = 5; seq <= 99_990; seq++) log.deleted.add(seq)
    expect(await pages.from(1, 5, 100_000)).toEqual(upTo(99_991, 100_000))
    expect(await pages.from(1, 5, 99_990)).toEqual([])
    expect(log.readings.length).toBeLessThan(5)
  })

  test('that could not be read are read again', async () => {
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

  test('are a view of the log, whatever is added, read, deleted and dropped in whatever order', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('grow' as const), by: fc.integer({ min: 1, max: 15 }), isTold: fc.boolean() }),
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
              if (one.isTold) pages.add(1, entry(log.length))
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

/** Creates a page cache whose entries contain the number of the read that loaded them (`by`) and the id of their author. */
const startReadings = (isCurrent = () => true) => {
  let reading = 0
  const answers: (() => void)[] = []
  const pages = createPageCache({
    pageSize: 10,
    isCurrent,
    read: async (_, from, to) => {
      const by = ++reading
      await new Promise<void>(resolve => answers.push(resolve))
      return upTo(from, to).map(placed => ({ ...placed, userId: placed.seq, by }))
    },
    firstSeq: async () => undefined
  })
  const settled = () => new Promise(setImmediate)
  const answer = async () => {
    await settled()
    answers.shift()?.()
    await settled()
  }
  const readings = async (from: number) => {
    const found = pages.from(1, from, 20)
    return Array.isArray(found) ? found[0]?.by : undefined
  }
  return { pages, answer, readings }
}

describe('what was changed', () => {
  test('is dropped with its page, and no other page is', async () => {
    const { pages, answer, readings } = startReadings()
    for (const from of [1, 11]) {
      void pages.from(1, from, 20)
      await answer()
    }
    pages.invalidate(1, 5, 5)
    pages.invalidate(2, 1, 20)
    expect(await readings(1)).toBeUndefined()
    expect(await readings(11)).toBe(2)
  })

  test('is dropped when it spans pages, or carries the name of a user', async () => {
    const { pages, answer, readings } = startReadings()
    for (const from of [1, 11]) {
      void pages.from(1, from, 20)
      await answer()
    }
    pages.invalidateUsers(new Set([13]))
    expect(await readings(1)).toBe(1)
    expect(await readings(11)).toBeUndefined()
    await answer()
    pages.invalidate(1, 10, 11)
    expect(await readings(1)).toBeUndefined()
    expect(await readings(11)).toBeUndefined()
  })

  test('is neither kept nor delivered by a reading that began before', async () => {
    const { pages, answer, readings } = startReadings()
    const early = pages.from(1, 1, 20)
    const joining = pages.from(1, 2, 20)
    pages.invalidate(1, 3, 3)
    const late = pages.from(1, 1, 20)
    await answer()
    await answer()
    await answer()
    for (const found of [await early, await joining, await late]) expect(found[0]).toMatchObject({ by: 2 })
    expect(await readings(1)).toBe(2)
  })

  test('is dropped without a look at the pages of other rooms', () => {
    const { pages } = start(1)
    for (let room = 1; room <= 50_000; room++) pages.add(room, entry(1))
    const spent = cpuMilliseconds(() => {
      for (let room = 1; room <= 10_000; room++) pages.invalidate(room, 1, 1)
      for (let room = 10_001; room <= 20_000; room++) pages.forget(room)
    })
    // A search through all pages would take half a minute.
    expect(spent).toBeLessThan(5000)
    expect(pages.bytes).toBe(300_000)
  })

  test('holds up no reading of what was not changed, however often it is', async () => {
    const { pages, answer, readings } = startReadings()
    const found = pages.from(1, 1, 20)
    for (let seq = 11; seq <= 20; seq++) {
      pages.invalidate(1, seq, seq)
      pages.invalidate(2, 1, seq)
      pages.invalidateUsers(new Set([seq]))
      pages.forget(2)
    }
    await answer()
    expect((await found)[0]).toMatchObject({ by: 1 })
    expect(await readings(1)).toBe(1)
  })

  test('is read again where it carries the name of a user, also for who asked after the change', async () => {
    const { pages, answer, readings } = startReadings()
    const early = pages.from(1, 1, 20)
    pages.invalidateUsers(new Set([3]))
    const late = pages.from(1, 1, 20)
    await answer()
    await answer()
    for (const found of [await early, await late]) expect(found[0]).toMatchObject({ by: 2 })
    expect(await readings(1)).toBe(2)
  })

  test('is read again, when it may have been missed, by everybody', async () => {
    let isCurrent = true
    const { pages, answer } = startReadings(() => isCurrent)
    void pages.from(1, 1, 20)
    await answer()
    isCurrent = false
    const found = pages.from(1, 1, 20)
    await answer()
    expect((await found)[0]).toMatchObject({ by: 2 })
  })

  test('is everything, when it is unknown', async () => {
    const { pages, answer, readings } = startReadings()
    void pages.from(1, 1, 20)
    await answer()
    const { version } = pages
    pages.clear()
    expect([pages.bytes, pages.version === version]).toEqual([0, false])
    expect(await readings(1)).toBeUndefined()
  })
})
