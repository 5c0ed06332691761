/**
 * Tests the SDK against the real service, over connections that are cut, delayed, stalled or left half open, or that lose
 * frames. No message or change may be lost, duplicated or out of order. Performs a few runs; `npm run test:client -- --runs 200
 * --seed 1` performs many.
 */
import { expect, test } from 'vitest'
import { startChat } from '../support/start-chat.ts'
import { fastClock } from './compressed-time.ts'
import { faultRun, noCounts, peopleOf } from './fault-run.ts'

const runs = Number(process.env.FAULT_RUNS ?? 4)
const firstSeed = Number(process.env.FAULT_SEED ?? 1)
/**
 * Maximum number of parallel runs. It may be higher than the number of processor cores, because a run spends most of its time
 * waiting.
 */
const LANES = 5

test(`keeps every guarantee in ${runs} runs from seed ${firstSeed} on`, {
  timeout: 60_000 + runs * 30_000
}, async () => {
  const chat = await startChat({
    clock: fastClock,
    // On the fast clock, these tokens expire within seconds of real time, and fast senders reach this rate limit.
    settings: { accessTokenExpireMinutes: 2, messageRateLimit: 1 }
  })
  const counts = noCounts()
  const violations: string[] = []
  let next = firstSeed
  const began = performance.now()

  const lane = async (number: number): Promise<void> => {
    const people = peopleOf(number)
    const users: number[] = []
    for (const name of people) users.push((await chat.register(name)).id)
    while (next < firstSeed + runs && violations.length === 0) {
      const seed = next++
      const createRoom = async (name: string): Promise<void> => {
        const { id } = await chat.database.rooms.create({ name, title: null })
        await chat.database.client.query(
          `insert into "${chat.database.schema}".members (room_id, user_id, role)
           select $1, person, case when place < 3 then 'owner' else 'member' end
           from unnest($2::integer[]) with ordinality as given (person, place)`,
          [id, users]
        )
      }
      const found = await faultRun({ url: chat.url, seed, people, createRoom, counts })
      violations.push(...found.map(what => `seed ${seed}: ${what}`))
      if (process.env.FAULT_RUNS && seed % 20 === 0) process.stdout.write(`seed ${seed}: ${found.length} violations\n`)
    }
  }
  await Promise.all(Array.from({ length: Math.min(LANES, runs) }, (_, number) => lane(number)))

  const seconds = Math.round((performance.now() - began) / 1000)
  if (process.env.FAULT_RUNS) process.stdout.write(`${runs} runs in ${seconds} s: ${JSON.stringify(counts)}\n`)
  expect(violations).toEqual([])
  expect(counts.messages).toBe(runs * 37)
  expect(counts.changes).toBeGreaterThan(runs * 12)
  expect(Object.keys(counts.kinds)).toEqual(expect.arrayContaining(['message', 'edit', 'reaction', 'pin', 'room']))
  expect(counts.connections).toBeGreaterThan(runs * 3)
})
