/** Simulates the passing of time for sessions, by moving their stored times into the past. */
import type { ChatDatabase } from '../../src/db/database.ts'

const TIMES = ['created_at', 'last_used_at', 'expires_at', 'proven_at', 'rotated_at', 'successor_used_at']

/** Makes every session older by a number of seconds. */
export const passTime = async ({ client, schema }: ChatDatabase, seconds: number): Promise<void> => {
  const moved = TIMES.map(column => `${column} = ${column} - $1::double precision * interval '1 second'`)
  await client.query(`update "${schema}".sessions set ${moved.join(', ')}`, [seconds])
}

/** Returns the rows of the audit log with this event, the oldest first. */
export const auditOf = ({ client, schema }: ChatDatabase, event: string) =>
  client.query<{ user_id: number; session_id: string | null; detail: string | null }>(
    `select user_id, session_id, detail::text as detail from "${schema}".audit where event = $1 order by id`,
    [event]
  )
