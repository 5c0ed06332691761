/**
 * The attacks. Each repeats for some seconds what a hostile client can do, and reconnects as often as the service accepts. All
 * are bounded in connections and in time, and connect to this machine only.
 */

import { floodFrames } from './attacks/frames.ts'
import { abuseHttp } from './attacks/http.ts'
import { floodReads } from './attacks/reads.ts'
import { abuseRooms } from './attacks/rooms.ts'
import type { Account } from './people.ts'

/** The target of an attack. */
export interface Target {
  readonly port: number
  /** Accounts of the attacker. */
  readonly accounts: readonly Account[]
  /** Aborted when the time of the attack is over. */
  readonly signal: AbortSignal
}

/** An attack with its name in the table. */
export interface Attack {
  readonly name: string
  /** Whether the attack leaves connections open and silent, which the service has to close. */
  readonly leavesOpen?: boolean
  run(target: Target): Promise<void>
}

export const attacks: readonly Attack[] = [...abuseHttp, ...floodReads, ...floodFrames, ...abuseRooms]
