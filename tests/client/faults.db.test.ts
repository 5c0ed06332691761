/**
 * The SDK against the real service behind proxies that cut, delay, stall, half-open and lose: nothing lost, nothing twice, order
 * kept. A few runs here; `npm run test:client -- --runs 200 --seed 1` for many.
 */
import { expect, test } from 'vitest'
import { startChat } from '../support/start-chat.ts'
import { fastClock } from './compressed-time.ts'
import { faultRun, noCounts } from './fault-run.ts'

const runs = Number(process.env.FAULT_RUNS ?? 4)
const firstSeed = Number(process.env.FAULT_SEED ?? 1)

test(`${runs} runs from seed ${firstSeed} on keep every promise`, { timeout: 60_000 + runs * 30_000 }, async () => {
  const chat = await startChat({
    clock: fastClock,
    // Twenty times as fast: tokens live for seconds, and who types fast is told to wait.
    settings: { accessTokenExpireMinutes: 1, messageRateLimit: 1 }
  })
  for (const name of ['ada', 'bob', 'eve']) await chat.register(name)
  const counts = noCounts()
  const began = performance.now()
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    const createRoom = (name: string) => chat.database.rooms.create({ name, title: null })
    const broken = await faultRun({ url: chat.url, seed, createRoom, counts })
    expect(broken, `seed ${seed}`).toEqual([])
  }
  const seconds = Math.round((performance.now() - began) / 1000)
  if (process.env.FAULT_RUNS) process.stdout.write(`${runs} runs in ${seconds} s: ${JSON.stringify(counts)}\n`)
  expect(counts.messages).toBe(runs * 36)
  expect(counts.connections).toBeGreaterThan(runs * 3)
})
