import { expect, test } from 'vitest'
import { createAuditRetention } from '../../src/accounts/audit-retention.ts'
import { fakeClock } from '../support/clock.ts'

const RUN_MS = 10 * 60_000

const start = (rows: { blank: number; expired: number }) => {
  const clock = fakeClock()
  const warnings: object[] = []
  const statements: string[] = []
  const take = (kind: 'blank' | 'expired', limit: number): number => {
    statements.push(kind)
    const taken = Math.min(rows[kind], limit)
    rows[kind] -= taken
    return taken
  }
  const retention = createAuditRetention({
    audit: {
      blankOlderThan: async (_, limit) => take('blank', limit),
      deleteExpired: async limit => take('expired', limit)
    },
    clock,
    log: { debug() {}, info() {}, warn: fields => warnings.push(fields), error() {} },
    addressDays: 30
  })
  return { clock, retention, rows, statements, warnings }
}

test('blanks and deletes everything that is due, in batches', async () => {
  const { clock, retention, rows, statements } = start({ blank: 2500, expired: 1000 })
  retention.start()
  clock.advance(RUN_MS)
  await expect.poll(() => rows).toEqual({ blank: 0, expired: 0 })
  await retention.stop()
  expect(statements).toEqual(['blank', 'blank', 'blank', 'expired', 'expired'])
})

test('stops between two batches when the process stops', async () => {
  const { clock, retention, rows } = start({ blank: 2500, expired: 1000 })
  retention.start()
  clock.advance(RUN_MS)
  await retention.stop()
  expect(rows).toEqual({ blank: 1500, expired: 1000 })
  clock.advance(RUN_MS)
  expect(rows.blank).toBe(1500)
})

test('logs a failure and tries again at the next run', async () => {
  const clock = fakeClock()
  const warnings: object[] = []
  let runs = 0
  const retention = createAuditRetention({
    audit: {
      async blankOlderThan() {
        runs++
        throw new Error('unreachable')
      },
      deleteExpired: async () => 0
    },
    clock,
    log: { debug() {}, info() {}, warn: fields => warnings.push(fields), error() {} },
    addressDays: 30
  })
  retention.start()
  clock.advance(RUN_MS)
  await expect.poll(() => warnings.length).toBe(1)
  clock.advance(RUN_MS)
  await expect.poll(() => runs).toBe(2)
  await retention.stop()
})
