/**
 * Compares the table `messages` with one that is divided by hash(room_id) into 16 partitions. No release has such a table: the
 * benchmark changes the schema of a database of its own. docs/scaling.md has the results and the conclusion.
 */
import { closeAll, connectMany, framesOf } from './clients.ts'
import { beginCost } from './cost.ts'
import { type BenchDatabase, createBenchDatabase } from './database.ts'
import { TEXT } from './load.ts'
import { type Effort, interleave, pause, percentile, type Row, seconds } from './rows.ts'
import { type Service, startService } from './service.ts'

const PARTITIONS = 16
const ROOMS = 1000
const SIZE = 1_000_000
const SHORT_SIZE = 50_000
const SENDERS = 20
const IN_FLIGHT = 50
const PAGE = 50
const PLAIN = 'one table'
const HASHED = `${PARTITIONS} partitions`

/**
 * Replaces the empty table with a partitioned one. The new column `id` uses the same sequence, because the append function refers
 * to this sequence by its name. Both unique keys contain `room_id`, which PostgreSQL requires of a partitioned table.
 */
const partition = async ({ sql }: BenchDatabase): Promise<void> => {
  const triggers = await sql`select pg_get_triggerdef(oid) as definition from pg_trigger
    where tgrelid = 'messages'::regclass and not tgisinternal`
  await sql.unsafe(`
    alter table messages rename to former_messages;
    alter table former_messages rename constraint messages_pkey to former_messages_pkey;
    alter table former_messages rename constraint messages_write_id_key to former_messages_write_id_key;
    create table messages (
      like former_messages including storage including compression,
      constraint messages_pkey primary key (room_id, seq),
      constraint messages_write_id_key unique (room_id, user_id, write_id)
    ) partition by hash (room_id);
    alter table messages alter column id set default nextval('messages_id_seq');`)
  for (const { definition } of triggers) await sql.unsafe(definition)
  for (let at = 0; at < PARTITIONS; at++) {
    await sql.unsafe(
      `create table messages_${at} partition of messages for values with (modulus ${PARTITIONS}, remainder ${at})`
    )
  }
}

/** Returns the names of the tables that contain the messages. */
const tablesOf = async ({ sql }: BenchDatabase): Promise<string[]> => {
  const rows = await sql`select relname from pg_class where relkind = 'r' and relname ~ '^messages(_[0-9]+)?$'`
  return rows.map(({ relname }) => relname)
}

const roomOf = (at: number): string => `room-${at % ROOMS}`

/** Lets each sender send to a room of its own, from room number `first` on. Counts the acknowledgements. */
const append = async (service: Service, senders: number, inFlight: number, first: number, forSeconds: number) => {
  let at = 0
  const clients = await connectMany(senders, () => service.open(service.tokens[at++] ?? '', 'rooms='))
  // Waits for the first frame of each connection. The code below treats every later frame as an acknowledgement.
  await pause(300)
  let isOver = false
  for (const [sender, client] of clients.entries()) {
    const frame = JSON.stringify({ type: 'message', content: TEXT, ref: 'r', room: roomOf(first + sender) })
    client.onFrames = count => {
      if (!isOver) client.send(...Array.from({ length: count }, () => frame))
    }
    client.send(...Array.from({ length: inFlight }, () => frame))
  }
  await pause(700)
  const before = framesOf(clients)
  const took = await seconds(() => pause(forSeconds * 1000))
  const perSecond = (framesOf(clients) - before) / took
  isOver = true
  await pause(500)
  const messages = framesOf(clients) - senders
  closeAll(clients)
  return { perSecond, messages }
}

/** Inserts the messages of all rooms in turn, so that they are mixed as in production. Returns the rows per second. */
const fill = async (database: BenchDatabase, service: Service, size: number): Promise<number> => {
  const { sql } = database
  await append(service, 1, 1, 0, 0.1)
  const each = size / ROOMS
  const took = await seconds(
    () => sql`
      insert into messages (room_id, seq, kind, user_id, content, meta, key_id, write_id, created_at)
      select room.id, n, model.kind, model.user_id, model.content, model.meta, model.key_id,
        md5(room.id || '.' || n), model.created_at
      from generate_series(1001, ${1000 + each}::int) as n, rooms as room,
        (select * from messages where kind = 'message' limit 1) as model
      where room.name like 'room-%'
      order by n, room.id`
  )
  await sql`update rooms set last_seq = ${1000 + each}, oldest_seq = 1001 where name like 'room-%'`
  await sql`delete from messages where seq <= 1000`
  for (const table of await tablesOf(database)) await sql.unsafe(`vacuum (analyze) ${table}`)
  await sql`checkpoint`
  return size / took
}

const readPage = async ({ url, tokens }: Service, each: number): Promise<void> => {
  const before = 1001 + PAGE + Math.floor(Math.random() * (each - PAGE))
  const room = roomOf(Math.floor(Math.random() * ROOMS))
  const response = await fetch(`${url}/api/chat/rooms/${room}/messages?before=${before}&limit=${PAGE}`, {
    headers: { authorization: `Bearer ${tokens[0]}` }
  })
  const { messages } = (await response.json()) as { messages?: unknown[] }
  if (messages?.length !== PAGE) throw new Error(`a history page has ${messages?.length} messages`)
}

interface Subject {
  readonly database: BenchDatabase
  readonly service: Service
  readonly filled: number
  readonly bytes: number
}

const prepare = async (size: number, isPartitioned: boolean): Promise<Subject> => {
  const database = await createBenchDatabase()
  const first = await startService(database)
  await first.kill()
  if (isPartitioned) await partition(database)
  await database.sql`insert into rooms (name) select 'room-' || n from generate_series(0, ${ROOMS - 1}::int) as n`
  const writer = await startService(database)
  const filled = await fill(database, writer, size)
  await writer.kill()
  const [{ bytes = 0 } = {}] = await database.sql`
    select sum(pg_total_relation_size(relname::text::regclass))::float8 as bytes
    from unnest(${await tablesOf(database)}::text[]) as relname`
  return { database, service: await startService(database, { people: SENDERS }), filled, bytes }
}

/** Runs the work. Returns its result, and the total CPU time of the database connections in µs. */
const withCost = async <Result>({ database, service }: Subject, work: () => Promise<Result>) => {
  const costSince = await beginCost({ database, services: [service] })
  const result = await work()
  return { result, cost: (await costSince()).database }
}

/** Deletes the oldest tenth of each room, as retention does, and vacuums each table. Returns the seconds of each vacuum. */
const vacuum = async ({ database }: Subject, each: number): Promise<number[]> => {
  const { sql } = database
  await sql`delete from messages where seq between 1001 and ${1000 + Math.floor(each / 10)}`
  const all: number[] = []
  for (const table of await tablesOf(database)) all.push(await seconds(() => sql.unsafe(`vacuum ${table}`)))
  return all
}

export const partitions = async ({ rounds, seconds: forSeconds, isShort }: Effort): Promise<Row[]> => {
  const size = isShort ? SHORT_SIZE : SIZE
  const each = size / ROOMS
  const subjects = new Map([
    [PLAIN, await prepare(size, false)],
    [HASHED, await prepare(size, true)]
  ])
  const all = [...subjects]
  let first = 0
  const appends = (senders: number, inFlight: number) =>
    interleave(
      rounds,
      Object.fromEntries(
        all.map(([name, subject]) => [
          name,
          async () => {
            first += senders
            const { result, cost } = await withCost(subject, () =>
              append(subject.service, senders, inFlight, first, forSeconds)
            )
            return { value: result.perSecond, cost: cost / result.messages }
          }
        ])
      )
    )
  const saturated = await appends(SENDERS, IN_FLIGHT)
  const alone = await appends(1, 1)
  const pages = await interleave(
    rounds,
    Object.fromEntries(
      all.map(([name, subject]) => [
        name,
        async () => {
          const times: number[] = []
          const { cost } = await withCost(subject, async () => {
            while (times.length < 300) times.push(1000 * (await seconds(() => readPage(subject.service, each))))
          })
          return { value: percentile(times, 0.5), cost: cost / times.length }
        }
      ])
    )
  )
  const vacuums = new Map<string, number[]>()
  for (const [name, subject] of all) vacuums.set(name, await vacuum(subject, each))
  for (const [, { service, database }] of all) {
    await service.kill()
    await database.drop()
  }

  const row = (title: string, unit: string, runs: Row['runs']): Row => ({
    title: `${title}, ${size.toLocaleString('en')} messages in ${ROOMS.toLocaleString('en')} rooms`,
    unit,
    runs
  })
  const of = <Value>(results: ReadonlyMap<string, Value>, map: (value: Value) => number[]): Row['runs'] =>
    new Map([...results].map(([name, value]) => [name, map(value)]))
  const rowsOf = (
    title: string,
    unit: string,
    what: string,
    results: typeof saturated,
    map = (value: number) => value
  ) => [
    row(
      title,
      unit,
      of(results, all => all.map(({ value }) => map(value)))
    ),
    row(
      `${title}: CPU of the database per ${what}`,
      'µs',
      of(results, all => all.map(({ cost }) => cost))
    )
  ]
  return [
    row(
      'filling the table in one statement',
      'rows/s',
      of(subjects, ({ filled }) => [filled])
    ),
    row(
      'table and indexes per message',
      'bytes',
      of(subjects, ({ bytes }) => [bytes / size])
    ),
    ...rowsOf(`append, ${SENDERS} rooms, ${IN_FLIGHT} in flight each`, 'messages/s', 'message', saturated),
    ...rowsOf('append, one in flight: time to ack', 'ms', 'message', alone, perSecond => 1000 / perSecond),
    ...rowsOf(`history page of ${PAGE} at random, p50`, 'ms', 'page', pages),
    row(
      'vacuum after deleting a tenth of the messages, total',
      's',
      of(vacuums, all => [all.reduce((a, b) => a + b, 0)])
    ),
    row(
      'vacuum after deleting a tenth of the messages, longest',
      's',
      of(vacuums, all => [Math.max(...all)])
    )
  ]
}
