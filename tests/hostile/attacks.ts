/**
 * Defines the attacks. Most attacks repeat for several seconds what a hostile client can do, and reconnect as often as the
 * service accepts connections. The attacks with `leavesOpen` open their connections once, and leave them open. All attacks are
 * limited in time and in their number of concurrent connections, and connect to this machine only.
 */

import { floodFrames } from './attacks/frames.ts'
import { abuseHttp } from './attacks/http.ts'
import { floodReads } from './attacks/reads.ts'
import { abuseRooms } from './attacks/rooms.ts'
import type { Account } from './people.ts'

export interface Target {
  readonly port: number
  /** The accounts of the attacker. */
  readonly accounts: readonly Account[]
  /** Aborted when the time of the attack is over. */
  readonly signal: AbortSignal
}

export interface Attack {
  /** Identifies the attack in the table of results. */
  readonly name: string
  /** Whether the attack leaves idle connections open. The service must close them. */
  readonly leavesOpen?: boolean
  run(target: Target): Promise<void>
}

export const attacks: readonly Attack[] = [...abuseHttp, ...floodReads, ...floodFrames, ...abuseRooms]
