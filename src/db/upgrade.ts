/**
 * Finishes a rolling upgrade, which is possible when no process of an older release is running. Once the upgrade is finished,
 * entries of all kinds are accepted.
 */
import type { SqlClient } from './client/types.ts'
import { requireMigrated } from './migrate.ts'
import { createProcessesRepository, finishIn } from './repositories/processes.ts'

/** The `application_name` of releases that do not have drizzle/0009_upgrade_guard.sql. Later releases append their version. */
const OLD_NAME = 'fastify-chat'

/** Returns a description of each process that may still be running and whose release is older than `version`. */
export const olderProcesses = async (client: SqlClient, schema: string, version: string): Promise<string[]> => {
  const connections = await client.query<{ pid: number; address: string }>(
    `select pid, coalesce(host(client_addr), 'a local socket') as address from pg_stat_activity
     where datname = current_database() and application_name = $1`,
    [OLD_NAME]
  )
  const live = await createProcessesRepository(client, schema).live()
  return [
    ...connections.map(({ pid, address }) => `a connection named "${OLD_NAME}" from ${address} (pid ${pid})`),
    ...live
      .filter(process => isOlder(process.version, version))
      .map(process => `the process ${process.id} of version ${process.version}`)
  ]
}

/** Finishes the upgrade. Rejects, and changes nothing, if migrations are pending or an older release may still be running. */
export const finishUpgrade = async (client: SqlClient, schema: string, version: string): Promise<void> => {
  await requireMigrated(client, schema)
  const older = await olderProcesses(client, schema, version)
  if (older.length > 0) {
    const advice =
      'Stop the older processes and run the command again. A pooler may keep a connection open for a while after its process ' +
      'has stopped.'
    throw new Error(
      `The upgrade can't be finished, because older processes may still be running: ${older.join(', ')}. ${advice}`
    )
  }
  await client.transaction(transaction => finishIn(transaction, schema))
}

const partsOf = (version: string): number[] => (version.split(/[-+]/)[0] ?? '').split('.').map(Number)

/** Returns whether the version `one` is older than `other`. Ignores a suffix such as `-rc.1`. */
export const isOlder = (one: string, other: string): boolean => {
  const [ours, theirs] = [partsOf(one), partsOf(other)]
  const at = ours.findIndex((part, index) => part !== theirs[index])
  return at !== -1 && (ours[at] ?? 0) < (theirs[at] ?? 0)
}
