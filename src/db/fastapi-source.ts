/**
 * Reads the tables of a FastAPI Chat Backend: `users(id, username, hashed_password, created_at)` and
 * `messages(id, user_id, content, created_at)`. Writes nothing.
 */
import { codesOf } from './client/errors.ts'
import type { SqlClient } from './client/types.ts'

/**
 * A user of the other service. `username` is empty if it is null there. `createdAt` is in milliseconds since the epoch, and null
 * if it is null or infinite there.
 */
export interface SourceUser {
  readonly id: number
  readonly username: string
  readonly hashedPassword: string | null
  readonly createdAt: number | null
}

/**
 * A message of the other service. `content` is a Fernet token, or empty if it is too long. `createdAt` has the same form as in
 * `SourceUser`.
 */
export interface SourceMessage {
  readonly id: number
  readonly userId: number | null
  readonly content: string | null
  readonly createdAt: number | null
}

export interface FastApiSource {
  /** A number that is less than every id. */
  readonly beforeFirst: number
  /** Returns the number of messages after an id. */
  countMessages(after: number): Promise<number>
  /** Returns the users in the order of their ids, in pages. */
  users(): AsyncGenerator<readonly SourceUser[]>
  /** Returns the messages after an id in the order of their ids, in pages. */
  messages(after: number): AsyncGenerator<readonly SourceMessage[]>
}

const BEFORE_FIRST = Number.MIN_SAFE_INTEGER
/**
 * Maximum size in bytes of a token. A message has at most 65,536 characters of at most 4 bytes each. Its Fernet token is a
 * third larger, because of base64.
 */
const MAX_TOKEN_BYTES = 350_000
/** Maximum number of rows of a page. */
const PAGE = 500

// In the other service, a time without a time zone is in UTC. `extract` also treats it as UTC, whatever the time zone of the
// session is.
const CREATED_AT = `case when isfinite(created_at)
  then floor(extract(epoch from created_at) * 1000)::double precision end as "createdAt"`
const USERS = `select id::double precision as id, coalesce(username, '') as username, hashed_password as "hashedPassword", ${CREATED_AT}
  from users where id > $1::bigint order by id limit ${PAGE}`
const MESSAGES = `select id::double precision as id, user_id::double precision as "userId",
    case when octet_length(content) > ${MAX_TOKEN_BYTES} then '' else content end as content, ${CREATED_AT}
  from messages where id > $1::bigint order by id limit ${PAGE}`

/** SQLSTATEs of a missing table, a missing column, and a column of another type. */
const OTHER_TABLES = ['42P01', '42703', '42804', '42846', '42883']

export const createFastApiSource = ({ query: run }: Pick<SqlClient, 'query'>): FastApiSource => {
  const query = async <Row extends object>(text: string, values?: unknown[]): Promise<Row[]> => {
    try {
      return await run<Row>(text, values)
    } catch (cause) {
      if (!codesOf(cause).some(code => OTHER_TABLES.includes(code))) throw cause
      // The error has no cause, because the command would print the message of the cause instead.
      const reason = cause instanceof Error ? cause.message : 'unknown error'
      throw new Error(
        `The database of FASTAPI_DATABASE_URL has no tables of a FastAPI Chat Backend (${reason}). Check the setting.`
      )
    }
  }
  const pages = async function* <Row extends { readonly id: number }>(table: string, text: string, after: number) {
    for (let last: number | undefined = after; last !== undefined; ) {
      const page: Row[] = await query<Row>(text, [last])
      const unsafe = page.find(({ id }) => !Number.isSafeInteger(id))
      if (unsafe)
        throw new Error(
          `The table "${table}" in the database of FASTAPI_DATABASE_URL has a row whose id is about ${unsafe.id}. Only ids from -9007199254740991 to 9007199254740991 can be imported. Change this id or delete the row, then import again.`
        )
      if (page.length > 0) yield page
      last = page.length < PAGE ? undefined : page.at(-1)?.id
    }
  }
  return {
    beforeFirst: BEFORE_FIRST,
    async countMessages(after) {
      const text = 'select count(*)::double precision as count from messages where id > $1::bigint'
      return (await query<{ count: number }>(text, [after]))[0]?.count ?? 0
    },
    users: () => pages<SourceUser>('users', USERS, BEFORE_FIRST),
    messages: after => pages<SourceMessage>('messages', MESSAGES, after)
  }
}
