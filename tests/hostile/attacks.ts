/**
 * The attacks: each does for some seconds what a hostile client can repeat. All of them are bounded in connections and in
 * time, and go to this machine only. An attack reconnects as often as the service lets it.
 */

import { floodFrames } from './attacks/frames.ts'
import { abuseHttp } from './attacks/http.ts'
import { floodReads } from './attacks/reads.ts'
import { abuseRooms } from './attacks/rooms.ts'
import type { Account } from './people.ts'

/** What an attack works with. */
export interface Target {
  readonly port: number
  /** Hostile people, logged in. */
  readonly accounts: readonly Account[]
  /** Aborted when the attack's time is over. */
  readonly signal: AbortSignal
}

/** One attack: its name in the table, and what it does until its signal is aborted. */
export interface Attack {
  readonly name: string
  /** Connections that the attack leaves open and silent: the service has to end them by itself. */
  readonly leavesOpen?: boolean
  run(target: Target): Promise<void>
}

export const attacks: readonly Attack[] = [...abuseHttp, ...floodReads, ...floodFrames, ...abuseRooms]
