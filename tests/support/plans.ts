/** Returns the query plans of a repository's statements. */
import type { Logger } from 'drizzle-orm'
import type { SqlClient } from '../../src/db/client/types.ts'

/** Returns the plan of the last statement that `look` runs, with `?` in place of its values. */
export const planOf = async (client: SqlClient, look: () => Promise<unknown>): Promise<string> => {
  await look()
  const { query, params } = queries.at(-1) ?? { query: '', params: [] }
  const rows = await client.query<{ 'QUERY PLAN': string }>(`explain (costs off) ${query}`, params)
  return rows
    .map(row => row['QUERY PLAN'])
    .join('\n')
    .replaceAll(/'[^']*'|-?\b\d+\b/g, '?')
}

const queries: { query: string; params: unknown[] }[] = []

/** Records every statement that Drizzle runs. Call this function before the repository prepares its statements. */
export const recordQueries = ({ drizzle }: SqlClient): void => {
  const { session } = drizzle as unknown as { session: { logger: Logger } }
  session.logger = { logQuery: (query, params) => void queries.push({ query, params }) }
}
