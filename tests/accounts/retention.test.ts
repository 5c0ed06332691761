import { expect, test } from 'vitest'
import { createRetention } from '../../src/accounts/retention.ts'
import { fakeClock } from '../support/clock.ts'

const RUN_MS = 10 * 60_000

const start = (rows: Record<string, number>) => {
  const clock = fakeClock()
  const statements: string[] = []
  const job = (name: string) => async (limit: number) => {
    statements.push(name)
    const taken = Math.min(rows[name] ?? 0, limit)
    rows[name] = (rows[name] ?? 0) - taken
    return taken
  }
  const retention = createRetention({
    jobs: Object.fromEntries(Object.keys(rows).map(name => [name, job(name)])),
    clock,
    log: { debug() {}, info() {}, warn() {}, error() {} }
  })
  return { clock, retention, rows, statements }
}

test('deletes everything that is due, in batches', async () => {
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

test('logs a failure, runs the other jobs, and tries again at the next run', async () => {
  const clock = fakeClock()
  const warnings: object[] = []
  const runs = { failing: 0, other: 0 }
  const retention = createRetention({
    jobs: {
      async failing() {
        runs.failing++
        throw new Error('unreachable')
      },
      async other() {
        runs.other++
        return 0
      }
    },
    clock,
    log: { debug() {}, info() {}, warn: fields => warnings.push(fields), error() {} }
  })
  retention.start()
  clock.advance(RUN_MS)
  await expect.poll(() => runs).toEqual({ failing: 1, other: 1 })
  expect(warnings).toMatchObject([{ job: 'failing' }])
  await expect
    .poll(() => {
      clock.advance(RUN_MS)
      return runs.failing
    })
    .toBeGreaterThan(1)
  await retention.stop()
})
