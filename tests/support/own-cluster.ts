/** Tests that need a PostgreSQL cluster of their own: skipped, loudly, where there are no binaries, which CI must have. */
import { describe } from 'vitest'
import { findBinaries } from '../chaos/cluster.ts'

const found = findBinaries()
if (!found) {
  const reason = 'No PostgreSQL binaries in /usr/lib/postgresql'
  if (process.env.CI === 'true') throw new Error(`${reason}, and under CI=true every test must run.`)
  process.stderr.write(`\n*** SKIPPED: tests that start a cluster of their own. ${reason}. ***\n\n`)
}

export const binaries = found ?? ''
export const describeWithCluster = describe.skipIf(!found)
