/** Tests when a process reads which steps of a rolling upgrade are finished. */
import { expect, onTestFinished, test } from 'vitest'
import { createProcessRecord } from '../../src/ops/process-record.ts'
import { fakeClock } from '../support/clock.ts'
import { silentLog } from '../support/memory-chat.ts'

test('a process whose first refresh failed tries again after a second, and then every 10 s', async () => {
  const clock = fakeClock()
  let attempts = 0
  const about = { version: '1.0.0', keyId: 'k', keyIds: ['k'] }
  const record = createProcessRecord({
    ...about,
    clock,
    log: silentLog,
    state: () => ({ connections: 0, bus: [] }),
    repository: {
      async refresh() {
        attempts++
        if (attempts <= 2) throw new Error('down')
        return { finishedSteps: ['kinds'] }
      },
      remove: async () => {}
    } as never
  } as never)
  onTestFinished(() => record.stop())
  const second = async (): Promise<void> => {
    clock.advance(1000)
    await new Promise(setImmediate)
  }
  await record.load({ finishedSteps: async () => [] })
  await record.start()
  expect(record.isUpgradeFinished()).toBe(false)
  await second()
  expect([attempts, record.isUpgradeFinished()]).toEqual([2, false])
  await second()
  expect([attempts, record.isUpgradeFinished()]).toEqual([3, true])
  for (let count = 0; count < 7; count++) await second()
  expect(attempts).toBe(3)
  await second()
  expect(attempts).toBe(4)
})
