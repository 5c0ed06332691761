/**
 * Records the running processes of one schema, and reads which steps of its rolling upgrade are finished. See
 * drizzle/0009_upgrade_guard.sql, drizzle/0012_message_changes.sql and drizzle/0028_process_status.sql.
 */
import type { SqlClient, SqlTransaction } from '../client/types.ts'

/** A row of the table `processes`. */
export interface ProcessRow {
  readonly id: string
  readonly version: string
  /** The id of the key with which the process encrypts. */
  readonly keyId: string | null
  /** The ids of all encryption keys of the process. */
  readonly keyIds: readonly string[]
}

/** The state of one driver of the bus. */
export interface BusState {
  readonly driver: string
  /** Milliseconds until the bus returned the latest heartbeat of the process. Absent until a heartbeat has returned. */
  readonly lagMs?: number | undefined
  readonly isFailing: boolean
}

/** The state that a process reports about itself at each refresh. */
export interface ProcessState {
  /** The name of the machine. The log lines of the process have the same `hostname` and `pid`. */
  readonly host: string
  readonly pid: number
  readonly uptimeMs: number
  /** The number of open WebSockets. */
  readonly connections: number
  /** The states of the bus drivers. Empty if the process has a bus in memory. */
  readonly bus: readonly BusState[]
}

/** A process and its state at the latest refresh. A process of an older release reports no state. */
export interface ReportedProcess extends ProcessRow {
  readonly state: ProcessState | null
  /** Milliseconds since the latest refresh. */
  readonly seenMs: number
}

/**
 * Finishes the upgrade in an open transaction, without a check for processes of older releases. After the commit, processes that
 * still use the SQL function `chat_append` cannot append entries. Older releases also call `chat_finish_upgrade`. If that
 * function inserted the step `rooms`, an older release would finish the step while its processes are still running.
 */
export const finishIn = async (transaction: SqlTransaction, schema: string): Promise<void> => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  await transaction.query(`select ${inSchema}.chat_finish_upgrade()`)
  await transaction.query(`insert into ${inSchema}.upgrades (step) values ('rooms') on conflict do nothing`)
}

/** Reads and writes the processes of one schema. */
export interface ProcessesRepository {
  /**
   * Inserts the row of a process, or updates the time and the state in an existing row. Deletes the rows of other processes
   * that were not updated for an hour. Returns the finished steps of the upgrade.
   */
  refresh(process: ProcessRow, state?: ProcessState): Promise<{ readonly finishedSteps: readonly string[] }>
  /** Returns the finished steps of the upgrade. */
  finishedSteps(): Promise<readonly string[]>
  remove(id: string): Promise<void>
  /** Returns the processes that refreshed their rows within the last minute. */
  live(): Promise<ProcessRow[]>
  /** Returns the processes that `live` returns, with their states, the oldest process first. */
  report(): Promise<ReportedProcess[]>
}

/** @internal */
export const createProcessesRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): ProcessesRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const refresh = `with swept as (
      delete from ${inSchema}.processes where seen_at < clock_timestamp() - interval '1 hour' and id <> $1
    )
    insert into ${inSchema}.processes (id, version, key_id, key_ids, host, pid, started_at, connections, bus)
    values ($1, $2, $3, $4::text[], $5, $6::integer, clock_timestamp() - $7::float8 * interval '1 millisecond',
      $8::integer, $9::text::jsonb)
    on conflict (id) do update
      set seen_at = clock_timestamp(), connections = excluded.connections, bus = excluded.bus
    returning (${selectSteps(inSchema)}) as steps`
  return {
    async finishedSteps() {
      const [result] = await query<{ steps: string }>(selectSteps(inSchema))
      return JSON.parse(result?.steps ?? '[]')
    },
    async refresh({ id, version, keyId, keyIds }, state) {
      const { host, pid, uptimeMs, connections, bus } = state ?? NO_STATE
      const row = [id, version, keyId, [...keyIds], host, pid, uptimeMs, connections, bus && JSON.stringify(bus)]
      const [result] = await query<{ steps: string }>(refresh, row)
      return { finishedSteps: JSON.parse(result?.steps ?? '[]') }
    },
    async remove(id) {
      await query(`delete from ${inSchema}.processes where id = $1`, [id])
    },
    async live() {
      const rows = await query<Omit<ProcessRow, 'keyIds'> & { keyIds: string }>(
        `select id, version, key_id as "keyId", array_to_json(key_ids)::text as "keyIds"
         from ${inSchema}.processes where seen_at > clock_timestamp() - interval '1 minute' order by id`
      )
      return rows.map(row => ({ ...row, keyIds: JSON.parse(row.keyIds) }))
    },
    async report() {
      const rows = await query<{ process: string }>(
        `select json_build_object(
           'id', id, 'version', version, 'keyId', key_id, 'keyIds', key_ids, 'seenMs', ${msSince('seen_at')},
           'state', case when started_at is not null then json_build_object(
             'host', host, 'pid', pid, 'uptimeMs', ${msSince('started_at')}, 'connections', connections, 'bus', bus
           ) end
         )::text as process
         from ${inSchema}.processes where seen_at > clock_timestamp() - interval '1 minute'
         order by started_at nulls first, id`
      )
      return rows.map(({ process }) => JSON.parse(process))
    }
  }
}

const selectSteps = (inSchema: string): string =>
  `select coalesce(json_agg(step), '[]')::text as steps from ${inSchema}.upgrades`

const NO_STATE = { host: null, pid: null, uptimeMs: null, connections: null, bus: null }

const msSince = (column: string): string => `round(extract(epoch from clock_timestamp() - ${column}) * 1000)::bigint`
