/** Reads what `fastify-chat check` compares: the rights of the service and the clock of the database. */
import type { SqlClient } from './client/types.ts'

/** Returns the rights that the role lacks, for example `insert on "messages"`. */
export const missingGrants = async ({ query }: Pick<SqlClient, 'query'>, schema: string): Promise<string[]> => {
  // Uses `case`, because PostgreSQL may evaluate the conditions of `and` in any order. `has_sequence_privilege` would then
  // throw an error for an object that is a table.
  const rows = await query<{ lack: string }>(
    `with objects as (select oid, relname, relkind from pg_class where relnamespace = to_regnamespace(quote_ident($1)))
     select privilege || ' on "' || relname || '"' as lack from objects,
       unnest(array['select', 'insert', 'update', 'delete']) as privilege
       where case when relkind in ('r', 'p') then not has_table_privilege(oid, privilege) else false end
     union all select 'usage on sequence "' || relname || '"' from objects
       where case when relkind = 'S' then not has_sequence_privilege(oid, 'usage') else false end
     union all select 'execute on function "' || proname || '"' from pg_proc
       where pronamespace = to_regnamespace(quote_ident($1)) and not has_function_privilege(oid, 'execute')
     order by 1`,
    [schema]
  )
  return rows.map(({ lack }) => lack)
}

/** Returns the time of the database in milliseconds since the epoch. */
export const databaseTime = async ({ query }: Pick<SqlClient, 'query'>): Promise<number> => {
  const [row] = await query<{ now: number }>(
    'select (extract(epoch from clock_timestamp()) * 1000)::double precision as now'
  )
  return row?.now ?? 0
}
