/**
 * Reads the tables of a FastAPI Chat Backend: `users(id, username, hashed_password, created_at)` and
 * `messages(id, user_id, content, created_at)`. Writes nothing.
 */
import type { SqlClient } from './client/types.ts'

/** A user of the other service. `createdAt` is in milliseconds since the epoch. */
export interface SourceUser {
  readonly id: number
  readonly username: string
  readonly hashedPassword: string | null
  readonly createdAt: number | null
}

/** A message of the other service. `content` is a Fernet token. `createdAt` is in milliseconds since the epoch. */
export interface SourceMessage {
  readonly id: number
  readonly userId: number | null
  readonly content: string | null
  readonly createdAt: number | null
}

export interface FastApiSource {
  count(): Promise<{ readonly users: number; readonly messages: number }>
  /** Returns the users in the order of their ids, in pages. */
  users(): AsyncGenerator<readonly SourceUser[]>
  /** Returns the messages after an id in the order of their ids, in pages. */
  messages(after: number): AsyncGenerator<readonly SourceMessage[]>
}

/** Maximum number of rows of a page. */
const PAGE = 500

// A time without a time zone is in UTC there. `extract` treats it so, whatever the time zone of the session is.
const CREATED_AT = `floor(extract(epoch from created_at) * 1000)::double precision as "createdAt"`
const USERS = `select id::double precision as id, username, hashed_password as "hashedPassword", ${CREATED_AT}
  from users where id > $1 order by id limit ${PAGE}`
const MESSAGES = `select id::double precision as id, user_id::double precision as "userId", content, ${CREATED_AT}
  from messages where id > $1 order by id limit ${PAGE}`

export const createFastApiSource = ({ query }: Pick<SqlClient, 'query'>): FastApiSource => {
  const pages = async function* <Row extends { readonly id: number }>(text: string, after: number) {
    for (let last: number | undefined = after; last !== undefined; ) {
      const page: Row[] = await query<Row>(text, [last])
      if (page.length > 0) yield page
      last = page.length < PAGE ? undefined : page.at(-1)?.id
    }
  }
  return {
    async count() {
      const [row] = await query<{ users: number; messages: number }>(
        'select (select count(*) from users)::integer as users, (select count(*) from messages)::integer as messages'
      )
      return row ?? { users: 0, messages: 0 }
    },
    users: () => pages<SourceUser>(USERS, -1),
    messages: after => pages<SourceMessage>(MESSAGES, after)
  }
}
