/**
 * Reads the statements of docs/operations.md that create a role for the service. The tests on PostgreSQL run the service as such
 * a role, so that a statement fails if it needs a right that the document does not grant.
 */
import { readFileSync } from 'node:fs'

const DOCUMENT = new URL('../../docs/operations.md', import.meta.url)
/** The password of the role in the document. */
export const ROLE_PASSWORD = 'secret'

export interface RoleNames {
  readonly role: string
  /** The role that owns the schemas. */
  readonly owner: string
  readonly database: string
}

/** Returns the statements that create the role, and those that grant it the rights on the schema `public`. */
export const serviceRole = ({ role, owner, database }: RoleNames): { create: string[]; grants: string[] } => {
  const [, sql] = /```sql\n(create role chat_service[^`]*)```/.exec(readFileSync(DOCUMENT, 'utf8')) ?? []
  if (!sql) throw new Error('docs/operations.md contains no SQL block that creates the role chat_service.')
  const statements = sql
    .replaceAll('chat_service', role)
    .replaceAll('chat_owner', owner)
    .replaceAll('database chat ', `database ${database} `)
    .trim()
    .split('\n')
  const isGrant = (statement: string): boolean => statement.includes('schema public')
  return { create: statements.filter(statement => !isGrant(statement)), grants: statements.filter(isGrant) }
}
