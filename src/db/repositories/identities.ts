/** Maps people of other issuers to users. A person is identified by the issuer and by the person's subject at the issuer. */
import type { SqlClient } from '../client/types.ts'
import type { UserRecord } from './users.ts'

export interface NewIdentity {
  readonly issuer: string
  readonly subject: string
  readonly userId: number
}

/** The user who belongs to a person of an issuer. */
export interface IssuerUser {
  readonly user: UserRecord
  /**
   * Tokens that the issuer issued before this time are not accepted, because all sessions of the user were ended at this time.
   * In milliseconds since the epoch. Null if the sessions were never ended.
   */
  readonly tokensFrom: number | null
}

export interface IdentitiesRepository {
  /** Returns the users of people of an issuer, keyed by subject. Omits people without a user. */
  find(issuer: string, subjects: readonly string[]): Promise<Map<string, IssuerUser>>
  /**
   * Links a user to a person of an issuer. Returns false, and stores nothing, if the person already has a user. Waits for any
   * transaction that is linking a user to the same person.
   */
  add(identity: NewIdentity): Promise<boolean>
  /** Returns whether a user belongs to a person of another issuer. */
  has(userId: number): Promise<boolean>
}

type FoundRow = UserRecord & Pick<IssuerUser, 'tokensFrom'> & { readonly subject: string }

/** @internal */
export const createIdentitiesRepository = (
  { query }: Pick<SqlClient, 'query'>,
  schema: string
): IdentitiesRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  const find = `select identity.subject,
      (extract(epoch from identity.tokens_from) * 1000)::double precision as "tokensFrom", owner.id, owner.username, owner.hashed_password as "hashedPassword",
      owner.display_name as "displayName", owner.external_id as "externalId",
      (extract(epoch from owner.created_at) * 1000)::double precision as "createdAt", owner.status, owner.generation, owner.role
    from ${inSchema}."identities" as identity join ${inSchema}."users" as owner on owner.id = identity.user_id
    where identity.issuer = $1 and identity.subject = any($2::text[])`
  const add = `insert into ${inSchema}."identities" (issuer, subject, user_id) values ($1, $2, $3)
    on conflict (issuer, subject) do nothing returning user_id`

  return {
    async find(issuer, subjects) {
      const rows = await query<FoundRow>(find, [issuer, subjects])
      return new Map(rows.map(({ subject, tokensFrom, ...user }) => [subject, { user, tokensFrom }]))
    },
    add: async ({ issuer, subject, userId }) => (await query(add, [issuer, subject, userId])).length > 0,
    has: async userId => (await query(`select from ${inSchema}."identities" where user_id = $1`, [userId])).length > 0
  }
}
