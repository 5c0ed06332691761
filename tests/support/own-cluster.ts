/**
 * Skips tests that need their own PostgreSQL cluster, and prints a message, if the binaries of PostgreSQL are missing. With
 * CI=true, throws instead.
 */
import { describe } from 'vitest'
import { findBinaries } from '../chaos/cluster.ts'

const found = findBinaries()
if (!found) {
  const reason = 'There are no PostgreSQL binaries in /usr/lib/postgresql'
  if (process.env.CI === 'true') throw new Error(`${reason}. With CI=true every test must run.`)
  process.stderr.write(`\n*** SKIPPED: the tests that start their own cluster. ${reason}. ***\n\n`)
}

export const binaries = found ?? ''
export const describeWithCluster = describe.skipIf(!found)
