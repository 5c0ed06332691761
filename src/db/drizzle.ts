/** What is used of Drizzle, in one place: the build bundles it, so that users needn't install the whole of it. */
export { and, between, desc, eq, inArray, sql } from 'drizzle-orm'
export {
  bigint,
  integer,
  type PgDatabase,
  type PgQueryResultHKT,
  PgSchema,
  pgTable,
  primaryKey,
  text,
  timestamp,
  unique,
  uniqueIndex
} from 'drizzle-orm/pg-core'
export { drizzle as drizzlePostgres } from 'drizzle-orm/postgres-js'
