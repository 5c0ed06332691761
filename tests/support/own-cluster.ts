/** Skips tests that need their own PostgreSQL cluster if the binaries of PostgreSQL are missing. */
import { describe } from 'vitest'
import { findBinaries } from '../chaos/cluster.ts'
import { isAvailable } from './requirements.ts'

export const binaries = findBinaries() ?? ''
export const describeWithCluster = describe.runIf(isAvailable('cluster'))
