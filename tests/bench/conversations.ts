/**
 * Measures history pages with many reactions, inboxes with many rooms, and rooms with many members. The cost of a request must
 * not grow with these numbers. Compares each request with a simple case, which is measured in the same run.
 */
import { addRoom, addUsers, post, react } from './conversations-data.ts'
import { type BenchDatabase, createBenchDatabase } from './database.ts'
import { type Effort, interleave, pause, type Row } from './rows.ts'
import { type Service, startService } from './service.ts'

const MANY = 10_000
const PAGE = 50
const REPEATS = 30
/** How long an idle service is observed, in milliseconds. */
const IDLE_MS = 8000
const INBOX_ROOMS = 200
const OWN = 'fastify-chat'

interface Context {
  readonly database: BenchDatabase
  readonly service: Service
  readonly rounds: number
}

type Call = (method: string, path: string, body?: object) => Promise<unknown>

const callOf =
  ({ url, tokens }: Service, person = 0): Call =>
  async (method, path, body) => {
    const response = await fetch(`${url}/api/chat${path}`, {
      method,
      headers: { authorization: `Bearer ${tokens[person]}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { body: JSON.stringify(body) } : {})
    })
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`)
    return response.status === 204 ? undefined : response.json()
  }

/** Returns the mean time of a call, in milliseconds. `before` runs before each call and is not measured. */
const timeOf = async (
  work: () => Promise<unknown>,
  { before, repeats = REPEATS }: { before?: (() => Promise<unknown>) | undefined; repeats?: number } = {}
): Promise<number> => {
  let took = 0
  for (let at = 0; at < repeats; at++) {
    await before?.()
    const began = performance.now()
    await work()
    took += performance.now() - began
  }
  return took / repeats
}

/** Measures a page whose messages have many reactions, or are far apart in the log. */
const pages = async ({ database, service, rounds }: Context): Promise<Row[]> => {
  const call = callOf(service)
  for (const room of ['plain', 'reacted', 'sparse']) {
    const id = await addRoom(database, room, 0)
    await post(service, room, PAGE / 2)
    if (room === 'reacted') await react(database, id, 10, MANY)
    if (room === 'sparse') for (let at = 0; at < MANY; at += 1000) await react(database, id, 1 + at / 1000, 1000)
    await post(service, room, PAGE / 2)
  }
  const read = (room: string) => () => call('GET', `/rooms/${room}/messages?limit=${PAGE}`)
  // The calls of `change` alternately add and remove a reaction. Each call removes the message's page from the page cache.
  let reactions = 0
  const change = (room: string) => () =>
    call(reactions++ % 2 === 0 ? 'PUT' : 'DELETE', `/rooms/${room}/messages/20/reactions/x`)
  const rows: Row[] = []
  for (const [how, before] of [
    ['from the page cache', undefined],
    ['after a message on it has changed', change]
  ] as const) {
    for (const [room, what] of [
      ['reacted', `with a message of ${MANY.toLocaleString('en')} reactions`],
      ['sparse', `with ${MANY.toLocaleString('en')} reactions between its messages`]
    ] as const) {
      const runs = await interleave(rounds, {
        'a plain page': () => timeOf(read('plain'), { before: before?.('plain') }),
        [OWN]: () => timeOf(read(room), { before: before?.(room) })
      })
      const aims = [{ beside: 'a plain page', as: 'ratio', atMost: 2 }] as const
      rows.push({ title: `a page of ${PAGE} ${what}, ${how}`, unit: 'ms', runs, aims })
    }
  }
  return rows
}

/** Returns the number of transactions of a database so far. Each query outside a transaction counts as one. */
const transactions = async ({ sql }: BenchDatabase): Promise<number> => {
  // PostgreSQL reports a transaction up to a second late.
  await pause(1200)
  const [row] =
    await sql`select xact_commit + xact_rollback as count from pg_stat_database where datname = current_database()`
  return Number(row?.count)
}

/** Measures the inbox of a user with few and with many rooms. */
const inboxes = async ({ database, service, rounds }: Context): Promise<Row[]> => {
  const { sql } = database
  const calls = [callOf(service, 1), callOf(service, 2)] as const
  const sizes = [10, INBOX_ROOMS] as const
  for (let room = 0; room < INBOX_ROOMS; room++) await addRoom(database, `inbox-${room}`, 0)
  for (const [at, size] of sizes.entries())
    await sql`insert into members (room_id, user_id) select rooms.id, users.id from rooms, users
      where rooms.name like 'inbox-%' and users.username = ${`person-${at + 1}`} order by rooms.id limit ${size}`
  for (let room = 0; room < INBOX_ROOMS; room++) await post(service, `inbox-${room}`, 3)
  const read = (call: Call) => () => call('GET', `/inbox?limit=${INBOX_ROOMS}`)
  const queries = async (call: Call): Promise<number> => {
    const [began, first] = [performance.now(), await transactions(database)]
    await pause(IDLE_MS)
    const [middle, second] = [performance.now(), await transactions(database)]
    for (let at = 0; at < REPEATS; at++) await read(call)()
    const [ended, third] = [performance.now(), await transactions(database)]
    // The queries per millisecond of the idle service. They are subtracted from the queries of the inbox requests.
    const idle = (second - first) / (middle - began)
    return (third - second - idle * (ended - middle)) / REPEATS
  }
  const few = `${sizes[0]} rooms`
  const runs = await interleave(rounds, { [few]: () => timeOf(read(calls[0])), [OWN]: () => timeOf(read(calls[1])) })
  const counts = await interleave(1, { [few]: () => queries(calls[0]), [OWN]: () => queries(calls[1]) })
  const title = `an inbox of ${INBOX_ROOMS} rooms`
  return [
    { title, unit: 'ms', runs },
    // Allows up to 10 queries for 200 rooms, because the newest messages are read with one query per 32 rooms.
    { title, unit: 'queries', runs: counts, aims: [{ beside: few, as: 'value', atMost: 10 }] }
  ]
}

/** Measures a room with many members, of whom only one sends requests. */
const members = async ({ database, service, rounds }: Context): Promise<Row[]> => {
  const call = callOf(service)
  const [small, large] = ['of-two', 'of-many']
  await addRoom(database, small, 2)
  await addRoom(database, large, MANY)
  await database.sql`update rooms set visibility = 'private', guarded = true where name in (${small}, ${large})`
  await database.sql`update members set role = 'owner' from users where id = user_id and username = 'person-0'`
  const users = (await database.sql`select id from users order by id`).map(({ id }) => id as number)
  let added = 0
  const works: Record<string, (room: string) => () => Promise<unknown>> = {
    'a page of members': room => () => call('GET', `/rooms/${room}/members?limit=${PAGE}`),
    'a post': room => () => call('POST', `/rooms/${room}/messages`, { content: 'hello' }),
    'a post with 20 mentions': room => () =>
      call('POST', `/rooms/${room}/messages`, { content: 'hello', mentions: users.slice(0, 20) }),
    'adding a member': room => () => call('PUT', `/rooms/${room}/members/${users[MANY + added++]}`)
  }
  const rows: Row[] = []
  for (const [name, work] of Object.entries(works)) {
    // A user may add 60 members per minute. With 9 repeats, three rounds in two rooms add 54.
    const repeats = name === 'adding a member' ? 9 : REPEATS
    const runs = await interleave(rounds, {
      'a room of two': () => timeOf(work(small), { repeats }),
      [OWN]: () => timeOf(work(large), { repeats })
    })
    const aims = [{ beside: 'a room of two', as: 'ratio', atMost: 1.5 }] as const
    rows.push({ title: `${name} in a room of ${MANY.toLocaleString('en')} members`, unit: 'ms', runs, aims })
  }
  return rows
}

const withUsers =
  (measure: (context: Context) => Promise<Row[]>) =>
  async ({ rounds }: Effort): Promise<Row[]> => {
    const database = await createBenchDatabase()
    const service = await startService(database, { people: 3, env: { MAX_LOOP_DELAY_MS: '0' } })
    await addUsers(database, MANY + 5000)
    await database.sql`analyze`
    const rows = await measure({ database, service, rounds })
    await service.kill()
    await database.drop()
    return rows
  }

/** The benchmarks of conversations, by name. */
export const conversations = {
  'sparse-pages': withUsers(pages),
  inbox: withUsers(inboxes),
  'large-rooms': withUsers(members)
}
