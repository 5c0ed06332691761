/** Reads the reactions to messages. The function chat_change_message in drizzle/0030_look_ups.sql writes them. */
import type { SqlClient } from '../client/types.ts'

/** A reaction to a message. `seq` is the entry that added it. */
export interface ReactionRow {
  readonly userId: number
  readonly username: string
  readonly key: string
  readonly seq: number
}

export interface ReactionsRepository {
  /** Returns the keys of the user's reactions to the messages `seqs` of a room, keyed by the `seq` of the message. */
  own(roomId: number, seqs: readonly number[], userId: number): Promise<Map<number, string[]>>
  /**
   * Returns at most `limit` reactions with the key `key` to a message, in the order in which they were added, after the entry
   * `after`.
   */
  page(roomId: number, seq: number, key: string, after: number, limit: number): Promise<ReactionRow[]>
}

/** @internal */
export const createReactionsRepository = ({ query }: Pick<SqlClient, 'query'>, schema: string): ReactionsRepository => {
  const inSchema = `"${schema.replaceAll('"', '""')}"`
  // The lateral join looks up the user's reactions per message by the primary key.
  const own = `select message.seq::double precision as seq, array_to_json(array_agg(own.key order by own.by_seq))::text as keys
    from unnest($2::bigint[]) as message (seq)
    cross join lateral (
      select key, by_seq from ${inSchema}.reactions
      where room_id = $1 and reactions.seq = message.seq and user_id = $3 offset 0
    ) as own
    group by message.seq`
  // The condition `seq + 0 = $2` matches the index of drizzle/0030_look_ups.sql, which contains the expression `seq + 0`.
  const page = `select given.user_id as "userId", coalesce(author.username, 'deleted user') as username, given.key,
      given.by_seq::double precision as seq
    from (
      select user_id, key, by_seq from ${inSchema}.reactions
      where room_id = $1 and seq + 0 = $2 and key = $3 and by_seq > $4 order by by_seq limit $5
    ) as given
    left join lateral (select username from ${inSchema}.users where users.id = given.user_id limit 1) as author on true
    order by given.by_seq`
  return {
    async own(roomId, seqs, userId) {
      const rows = await query<{ seq: number; keys: string }>(own, [roomId, [...seqs], userId])
      return new Map(rows.map(({ seq, keys }) => [seq, JSON.parse(keys)]))
    },
    page: (roomId, seq, key, after, limit) => query<ReactionRow>(page, [roomId, seq, key, after, limit])
  }
}
