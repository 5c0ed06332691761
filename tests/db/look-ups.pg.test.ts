/**
 * Tests that looking up a few entries of a room does not read the whole room, even while PostgreSQL has no statistics of the
 * room. PostgreSQL then expects a single row of the room in each table, so that every index that begins with the room seems
 * equally good. See drizzle/0030_look_ups.sql and drizzle/0031_look_up_appends.sql.
 */
import { expect, test } from 'vitest'
import type { ChatDatabase } from '../../src/db/database.ts'
import { blocksRead } from '../support/blocks-read.ts'
import { analyze, testDatabase } from '../support/database.ts'

/**
 * The numbers of messages in the room. Each message has a reaction, an edit and a report. With 4,000 messages, the indexes of
 * `messages` have the same height, so PostgreSQL may choose another index than with 30,000 messages.
 */
const SIZES = [30_000, 4000]
const FEW = 10
/** The number of pinned messages. A room has at most 100 pins. */
const PINS = 75
/** The number of entries whose blocks a look-up may read, if it is not `FEW`. */
const ENTRIES: Readonly<Record<string, number>> = {
  'one entry': 1,
  'a page of reactions': 1,
  'a message': 1,
  'a message in a slow room': 3,
  'a repeated message': 1,
  'a message and a reaction': 3,
  'an edit': 2,
  'a deletion': 6,
  'a deletion by a muted author': 8,
  'a reaction': 2,
  'a repeated reaction': 2,
  'a pin': 5,
  'the end of a pin': 2,
  'a change of a role': 4,
  'a user who joins': 6,
  'a user who leaves': 5,
  'users whom the host application adds': 5,
  'a report': 1,
  'the rooms of a user who has no entries': 1,
  'messages of an import': 1,
  'erased entries': 300
}
/**
 * A look-up may read the first number of blocks, and the second number for each of its entries. An entry has rows in several
 * tables, and each row is in several indexes. While other tests run, a look-up was seen to read up to 80 more blocks than alone.
 */
const [FOR_EACH_LOOK_UP, FOR_EACH_ENTRY] = [80, 25]

type Work = (database: ChatDatabase) => Promise<unknown>

const start = async (many: number, known: number, perRoom: number, editsPerRoom: number) => {
  const { client, schema } = await testDatabase()
  const sql = <Row extends object>(text: string) => client.query<Row>(text.replaceAll('@', `"${schema}".`))
  // The members of the unknown room are the users after its author.
  const users = await sql<{ id: number }>(
    `insert into @users (username) select 'user-' || n from generate_series(0, ${many + 1}) as n returning id`
  )
  const [userId, knownId] = [users.at(0)?.id ?? 0, users.at(-1)?.id ?? 0]
  const fill = async (name: string, count: number, edits: number, author: number): Promise<number> => {
    const [room] = await sql<{ id: number }>(
      `insert into @rooms (name, last_seq, last_at) values ('${name}', ${count + edits}, now()) returning id`
    )
    const id = room?.id ?? 0
    await sql(`insert into @messages (room_id, seq, kind, user_id, content, key_id, write_id, created_at, target_seq)
      select ${id}, n, case when n > ${count} then 'edit' else 'message' end, ${author}, 'token', 'key', '${name}-' || n, now(),
        case when n > ${count} then n - ${count} end
      from generate_series(1, ${count + edits}) as n`)
    await sql(`insert into @others (room_id, seq, n, edit_of, message_seq)
      select ${id}, ${count} + n, n, n, ${count} from generate_series(1, ${edits}) as n`)
    await sql(`insert into @message_state (room_id, seq, changed_seq, edit_seq, edited_at, reactions, pin_seq)
      select ${id}, n, ${count} + n, ${count} + n, now(), '{"ok":1}',
        case when n % ${Math.ceil(many / PINS)} = 1 then ${count} + n end
      from generate_series(1, ${count}) as n`)
    await sql(`insert into @reactions (room_id, seq, user_id, key, by_seq)
      select ${id}, n, ${author}, 'ok', ${count} + n from generate_series(1, ${count}) as n`)
    await sql(`insert into @reports (room_id, seq, user_id, author_id, content, key_id)
      select ${id}, n, ${author} + n, ${author}, 'token', 'key' from generate_series(1, ${count}) as n`)
    await sql(`insert into @members (room_id, user_id, role)
      select ${id}, ${author} + n, case when n = 0 then 'owner' else 'member' end from generate_series(0, ${count}) as n`)
    return id
  }
  for (let room = 1; room <= known; room++) await fill(`known-${room}`, perRoom, editsPerRoom, knownId)
  // Autovacuum does not analyze an empty table, so this test does not either.
  const others = editsPerRoom === 0 ? [] : ['others']
  await analyze(schema, 'messages', ...others, 'message_state', 'reactions', 'reports', 'members', 'rooms')
  const roomId = await fill('unknown', many, many, userId)
  const blocksReadBy = (work: Work): Promise<number> => blocksRead({ client, schema }, work)
  return { roomId, userId, knownId, blocksReadBy }
}

/** The rooms that the statistics contain: a description, the number of rooms, and their messages and edits. */
const STATISTICS = [
  ['one known room with many messages', 1, 30_000, 30_000],
  ['many known rooms with a few messages each', 100, 20, 20],
  ['many known rooms with an edited message each', 500, 1, 1],
  ['many known rooms with one entry each', 500, 1, 0]
] as const

test.for(SIZES.flatMap(many => STATISTICS.map(known => [many, ...known] as const)))(
  'look-ups in an unknown room with %i messages read only its entries: %s',
  async ([many, , known, perRoom, editsPerRoom]) => {
    const { roomId, userId, knownId, blocksReadBy } = await start(many, known, perRoom, editsPerRoom)
    const seqs = Array.from({ length: FEW }, (_, at) => 1 + at * 50)
    const [seq = 0] = seqs
    const entry = (kind: string, targetSeq: number | null, detail: object | null = null) => ({
      roomId,
      userId,
      writeId: 'new',
      kind,
      targetSeq,
      content: kind === 'message' || kind === 'edit' ? 'token' : null,
      meta: null,
      keyId: kind === 'message' || kind === 'edit' ? 'key' : null,
      detail: detail && JSON.stringify(detail)
    })
    const appendAll =
      (entries: readonly ReturnType<typeof entry>[], outcome = 'stored'): Work =>
      async ({ messages }) => {
        expect(await messages.append(entries)).toMatchObject(entries.map(() => ({ outcome })))
      }
    const append = (...given: Parameters<typeof entry>): Work => appendAll([entry(...given)])
    const inChangedRoom =
      (change: string, work: Work): Work =>
      async database => {
        await database.client.query(`update "${database.schema}".rooms set ${change} where id = ${roomId}`)
        await work(database)
      }
    const works: Record<string, Work> = {
      'a few entries': async ({ messages }) => {
        expect(await messages.some(roomId, seqs)).toHaveLength(FEW)
      },
      'one entry': async ({ messages }) => {
        expect(await messages.some(roomId, [seq])).toHaveLength(1)
      },
      'entries of rooms': async ({ messages }) => {
        expect(await messages.oneOfEach(seqs.map(seq => ({ roomId, seq })))).toHaveLength(FEW)
      },
      'a range': async ({ messages }) => {
        expect(await messages.range(roomId, seq, seq + FEW - 1)).toHaveLength(FEW)
      },
      'a range of edits': async ({ messages }) => {
        expect(await messages.range(roomId, 2 * many - FEW + 1, 2 * many)).toHaveLength(FEW)
      },
      'the extent of a range': async ({ messages }) => {
        expect(await messages.extent(roomId, seq, seq + FEW - 1)).toEqual({ first: seq, last: seq + FEW - 1 })
      },
      'the last messages': async ({ messages }) => {
        expect(await messages.runsBefore(roomId, 2 * many, FEW)).not.toEqual([])
      },
      'the first messages': async ({ messages }) => {
        expect(await messages.runsAfter(roomId, 1, 2 * many, FEW)).not.toEqual([])
      },
      'a range without notices': async ({ messages }) => {
        expect(await messages.extent(roomId, 2 * many - FEW, 2 * many, 'notices')).toBeUndefined()
      },
      'a room without expired entries': async ({ messageRetention }) => {
        expect(await messageRetention.rooms(roomId - 1, 1)).toMatchObject([{ id: roomId, hasRows: false }])
      },
      'a page of pins': async ({ messages }) => {
        expect(await messages.pins(roomId, { before: 2 * many, upTo: 2 * many, limit: FEW })).toHaveLength(FEW)
      },
      'own reactions': async ({ reactions }) => {
        expect(await reactions.own(roomId, seqs, userId)).toHaveProperty('size', FEW)
      },
      'a page of reactions': async ({ reactions }) => {
        expect(await reactions.page(roomId, seq, 'ok', 0, FEW)).toHaveLength(1)
      },
      'a message': append('message', null),
      'a message in a slow room': inChangedRoom('guarded = true, slow_mode_seconds = 5', append('message', null)),
      'a repeated message': appendAll([{ ...entry('message', null), writeId: `unknown-${seq}` }], 'replayed'),
      'a message and a reaction': appendAll([
        entry('message', null),
        { ...entry('reaction', seq, { key: 'new', action: 'added' }), writeId: 'newer' }
      ]),
      'an edit': append('edit', seq),
      'a deletion': append('deletion', seq),
      'a deletion by a muted author': inChangedRoom('guarded = true', async database => {
        const { client, schema } = database
        await client.query(
          `insert into "${schema}".restrictions (room_id, user_id, kind) values (${roomId}, ${userId}, 'mute')`
        )
        await append('deletion', seq)(database)
      }),
      'a reaction': append('reaction', seq, { key: 'new', action: 'added' }),
      'a repeated reaction': appendAll([entry('reaction', seq, { key: 'ok', action: 'added' })], 'unchanged'),
      'a pin': append('pin', seqs[1] ?? 0, { action: 'added' }),
      'the end of a pin': append('pin', seq, { action: 'removed' }),
      'a change of a role': append('membership', null, { op: 'put', subject: userId + 5, role: 'moderator' }),
      // The log of a public room with many members does not list these changes.
      'a user who joins': appendAll(
        [{ ...entry('membership', null, { op: 'put', subject: knownId }), userId: knownId }],
        'unchanged'
      ),
      'a user who leaves': appendAll(
        [{ ...entry('membership', null, { op: 'remove', subject: userId + 5 }), userId: userId + 5 }],
        'unchanged'
      ),
      'users whom the host application adds': appendAll(
        [entry('membership', null, { op: 'put', subjects: [knownId], host: true })],
        'unchanged'
      ),
      'a report': async ({ reports }) => {
        const report = await reports.add({ roomId, seq, userId, content: 'token', reason: null, keyId: 'key' })
        expect(report).toMatchObject({ isNew: true })
      },
      'the rooms of a user who has no entries': async ({ authored }) => {
        expect(await authored.rooms(userId + 5, roomId - 1)).toEqual({ rooms: [], last: undefined })
      },
      'the entries of a user': async ({ authored }) => {
        expect(await authored.page(roomId, userId, 'unknown-19', FEW)).toHaveLength(FEW)
      },
      'messages of an import': async ({ fastApiImport }) => {
        await fastApiImport.begin({ roomId, lastId: 0 })
        expect(await fastApiImport.stored([{ userId, sourceId: 1 }])).toEqual([])
      },
      'erased entries': async ({ authored }) => {
        expect(await authored.erase(roomId, userId, 'unknown-19')).toMatchObject({ last: expect.any(String) })
      },
      'expired entries': async ({ client, schema, messageRetention }) => {
        await client.query(`update "${schema}".rooms set oldest_seq = ${FEW} where id = ${roomId}`)
        expect(await messageRetention.deleteSome(roomId, FEW)).toEqual({ deleted: FEW - 1, found: FEW - 1 })
      },
      'the inbox': async ({ inbox }) => {
        expect(await inbox.ofUser(userId + 1)).toContainEqual(expect.objectContaining({ roomId }))
      }
    }
    // PostgreSQL plans a statement for its parameters at first, and later for any parameters.
    for (const plan of ['force_custom_plan', 'force_generic_plan'])
      for (const [name, work] of Object.entries(works)) {
        const limit = FOR_EACH_LOOK_UP + (ENTRIES[name] ?? FEW) * FOR_EACH_ENTRY
        const read = () =>
          blocksReadBy(async database => {
            await database.client.query(`set local plan_cache_mode = ${plan}`)
            await work(database)
          })
        // While other tests create many tables, PostgreSQL discards what this session knows about indexes, and reads it again. A
        // look-up that reads a whole room does so each time.
        await expect.poll(read, { message: `${name}, ${plan}`, timeout: 10_000 }).toBeLessThan(limit)
      }
  }
)

test('at most one index of a table that can have many rows of a room begins with the room, apart from partial indexes', async () => {
  const { client, schema } = await testDatabase()
  const tables = await client.query(
    `select relname as table from pg_index
     join pg_class on pg_class.oid = indrelid
     join pg_attribute on attrelid = indrelid and attnum = indkey[0] and attname = 'room_id'
     where relnamespace = $1::regnamespace and indpred is null
     group by relname having count(*) > 1`,
    [`"${schema}"`]
  )
  // Both indexes of `messages` have existed since the first release. See drizzle/0030_look_ups.sql.
  expect(tables).toEqual([{ table: 'messages' }])
})
