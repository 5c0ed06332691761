/**
 * Records the running processes of one schema, and reads which steps of its rolling upgrade are finished. See
 * drizzle/0009_upgrade_guard.sql and drizzle/0012_message_changes.sql.
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

/**
 * Finishes the upgrade in an open transaction, without a check for processes of older releases. After the commit, such
 * processes cannot append entries. The step `rooms` is not part of the SQL function, because the command of an older release,
 * which calls the function too, does not notice processes of its own release.
 */
export const finishIn = async (transaction: SqlTransaction, schema: string): Promise<void> => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  await transaction.query(`select ${inSchema}.chat_finish_upgrade()`)
  await transaction.query(`insert into ${inSchema}.upgrades (step) values ('rooms') on conflict do nothing`)
}

/** Reads and writes the processes of one schema. */
export interface ProcessesRepository {
  /**
   * Inserts the row of a process, or updates the time in an existing row. Deletes the rows of other processes that were not
   * updated for an hour. Returns the finished steps of the upgrade.
   */
  refresh(process: ProcessRow): Promise<{ readonly finishedSteps: readonly string[] }>
  remove(id: string): Promise<void>
  /** Returns the processes that refreshed their rows within the last minute. */
  live(): Promise<ProcessRow[]>
}

/** @internal */
export const createProcessesRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): ProcessesRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const refresh = `with swept as (
      delete from ${inSchema}.processes where seen_at < clock_timestamp() - interval '1 hour' and id <> $1
    )
    insert into ${inSchema}.processes (id, version, key_id, key_ids) values ($1, $2, $3, $4::text[])
    on conflict (id) do update set seen_at = clock_timestamp()
    returning (select coalesce(json_agg(step), '[]')::text from ${inSchema}.upgrades) as steps`
  return {
    async refresh({ id, version, keyId, keyIds }) {
      const [row] = await query<{ steps: string }>(refresh, [id, version, keyId, [...keyIds]])
      return { finishedSteps: JSON.parse(row?.steps ?? '[]') }
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
    }
  }
}
