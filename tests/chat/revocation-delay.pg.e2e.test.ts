/**
 * Measures and prints the time from the end of a session until another process closes the connection of the session. The limit
 * of the test is far above the usual time, because the time depends on the load of the machine.
 */
import { expect, test } from 'vitest'
import { startBuilt } from '../support/built-service.ts'
import { testDatabaseUrl, testSchema } from '../support/database.ts'
import { createSessionEnds } from '../support/session-ends.ts'

/** The number of sessions that are ended. Set ENDED_SESSIONS to a higher number for a more precise measurement. */
const ENDED = Number(process.env.ENDED_SESSIONS ?? 40)

/**
 * Maximum median in milliseconds. Without notifications, the periodic look-up of the sessions would close the connections. It
 * runs every 20 s, so the median would be about 10 s.
 */
const MAX_MEDIAN_MS = 5000

test(`ending ${ENDED} sessions on one process closes their connections on another`, { timeout: 600_000 }, async () => {
  const database = { DATABASE_URL: await testDatabaseUrl(), DATABASE_SCHEMA: await testSchema() }
  const here = await startBuilt(database)
  const there = await startBuilt(database)
  const ends = await createSessionEnds(here.url, 'john')
  const times: number[] = []
  for (let at = 0; at < ENDED; at++) times.push(await ends.measure(here.url, there.url))
  times.sort((one, other) => one - other)
  const [median = 0, slowest = 0] = [times[Math.floor(ENDED / 2)], times.at(-1)]
  process.stdout.write(
    `Ended session to closed connection: ${median.toFixed(1)} ms median, ${slowest.toFixed(1)} ms slowest of ${ENDED}\n`
  )
  expect(median).toBeLessThan(MAX_MEDIAN_MS)
})
