/** Returns the query plans of a repository's statements. */
import type { Logger } from 'drizzle-orm'
import type { SqlClient } from '../../src/db/client/types.ts'

/** Returns the plan of the last statement that `look` runs. Replaces numbers and strings in the plan with `?`. */
export const planOf = async (client: SqlClient, look: () => Promise<unknown>): Promise<string> => {
  await look()
  const { query, params } = lastQuery()
  const rows = await client.query<{ 'QUERY PLAN': string }>(`explain (costs off) ${query}`, params)
  return rows
    .map(row => row['QUERY PLAN'])
    .join('\n')
    .replaceAll(/'[^']*'|-?\b\d+\b/g, '?')
}

const queries: { query: string; params: unknown[] }[] = []

/**
 * Records every statement that Drizzle or a repository runs. Call this function before the repository is created, because a
 * repository prepares its statements and keeps a reference to `query`.
 */
export const recordQueries = (client: SqlClient): void => {
  const { session } = client.drizzle as unknown as { session: { logger: Logger } }
  session.logger = { logQuery: (query, params) => void queries.push({ query, params }) }
  const { query } = client
  Object.assign(client, {
    query(...given: Parameters<typeof query>) {
      const [text, params = []] = given
      if (!text.startsWith('explain')) queries.push({ query: text, params: [...params] })
      return query.apply(client, given)
    }
  })
}

/** Returns the last recorded statement and its values. */
export const lastQuery = (): { readonly query: string; readonly params: readonly unknown[] } =>
  queries.at(-1) ?? { query: '', params: [] }

/** Returns how many statements were recorded so far. */
export const recordedQueries = (): number => queries.length

/**
 * Prepares the last statement that `look` runs, and returns its plan. `mode` selects the generic plan, or the custom plan for
 * the values of the statement.
 */
export const preparedPlanOf = async (
  client: SqlClient,
  mode: 'custom' | 'generic',
  look: () => Promise<unknown>
): Promise<string> => {
  await look()
  const { query: text, params } = lastQuery()
  const values = params.map(value => (typeof value === 'string' ? `'${value}'` : String(value))).join(', ')
  return client.transaction(async ({ query, exec }) => {
    await exec(`set local plan_cache_mode = force_${mode}_plan`)
    await exec(`prepare look as ${text}`)
    const rows = await query<{ 'QUERY PLAN': string }>(`explain (costs off) execute look(${values})`)
    await exec('deallocate look')
    return rows.map(row => row['QUERY PLAN']).join('\n')
  })
}
