/**
 * Tests the SDK against two processes of the real service, over connections that are cut, delayed, stalled or left half open, or
 * that lose frames. No message or change may be lost, duplicated or out of order. Nothing may reach a user who may not read it.
 * Performs a few runs; `npm run test:client -- --runs 200 --seed 1` performs many.
 */
import { expect, test } from 'vitest'
import { faultRun } from './fault-run.ts'
import { noCounts } from './faults/counts.ts'
import { startServices } from './faults/services.ts'

const runs = Number(process.env.FAULT_RUNS ?? 2)
const firstSeed = Number(process.env.FAULT_SEED ?? 1)
/**
 * Maximum number of parallel runs. It may be higher than the number of processor cores, because a run spends most of its time
 * waiting.
 */
const LANES = Number(process.env.FAULT_LANES ?? 8)

const EVERY_ENTRY = [
  ...['message', 'edit', 'deletion', 'reaction', 'pin', 'room', 'erasure'],
  ...['joined', 'left', 'added', 'removed', 'role_changed', 'muted', 'banned', 'unbanned'].map(
    event => `membership ${event}`
  )
]

test(`keeps every guarantee in ${runs} runs from seed ${firstSeed} on`, {
  timeout: 120_000 + runs * 30_000
}, async () => {
  const services = await startServices()
  const counts = noCounts()
  const violations: string[] = []
  let next = firstSeed
  const began = performance.now()
  const isPrinted = process.env.FAULT_RUNS !== undefined

  const lane = async (): Promise<void> => {
    while (next < firstSeed + runs && (isPrinted || violations.length === 0)) {
      const seed = next++
      const found = await faultRun({ services, seed, counts }).catch(error => [`${error.stack}`])
      violations.push(...found.map(what => `seed ${seed}: ${what}`))
      if (isPrinted)
        process.stdout.write([`seed ${seed}: ${found.length} violations`, ...found].join('\n  ').concat('\n'))
    }
  }
  await Promise.all(Array.from({ length: Math.min(LANES, runs) }, lane))

  const seconds = Math.round((performance.now() - began) / 1000)
  if (isPrinted)
    process.stdout.write(
      `${runs} runs in ${seconds} s: ${JSON.stringify({ ...counts, failures: services.failures() }, null, 1)}\n`
    )
  expect(violations).toEqual([])
  expect(counts.messages).toBeGreaterThan(runs * 20)
  expect(counts.connections).toBeGreaterThan(runs * 5)
  expect(Object.keys(counts.entries)).toEqual(expect.arrayContaining(runs < 20 ? ['message', 'reaction'] : EVERY_ENTRY))
})
