import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLogPages } from '../../src/chat/log-pages.ts'

const entry = (seq: number) => ({ seq, bytes: 10 })
const upTo = (from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, at) => entry(from + at))

/** A log of so many entries, whose readings are counted. */
const start = (length: number, options: { maxBytes?: number; pageSize?: number } = {}) => {
  const log = { length, readings: [] as [number, number][] }
  const pages = createLogPages({
    pageSize: 10,
    ...options,
    read: async (_, from, to) => {
      log.readings.push([from, to])
      await Promise.resolve()
      return upTo(from, Math.min(to, log.length))
    }
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
    expect(pages.peek(1, 1, 10)).toBeUndefined()
    expect(pages.peek(2, 1, 10)).toEqual(upTo(1, 10))
  })

  test('that could not be read are read again', async () => {
    let isDown = true
    const pages = createLogPages({
      read: async (_, from, to) => {
        if (isDown) throw new Error('down')
        return upTo(from, to)
      }
    })
    await expect(pages.from(1, 1, 5)).rejects.toThrow('down')
    isDown = false
    expect(await pages.from(1, 1, 5)).toEqual(upTo(1, 5))
  })

  test('are a view of the log, whatever is added, read and dropped in whatever order', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('grow' as const), by: fc.integer({ min: 1, max: 15 }), isTold: fc.boolean() }),
      fc.record({ kind: fc.constant('read' as const), at: fc.nat(200) }),
      fc.record({ kind: fc.constant('peek' as const), at: fc.nat(200), count: fc.integer({ min: 1, max: 30 }) })
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
          } else {
            const from = 1 + (one.at % log.length)
            if (one.kind === 'read') {
              const found = await pages.from(1, from, log.length)
              expect(found.length).toBeGreaterThan(0)
              expect(found).toEqual(upTo(from, from + found.length - 1))
            } else {
              const to = Math.min(from + one.count, log.length)
              expect([undefined, upTo(from, to)]).toContainEqual(pages.peek(1, from, to))
            }
          }
          expect(pages.bytes).toBeLessThanOrEqual(300)
        }
      })
    )
  })
})
