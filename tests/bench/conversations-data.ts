/** Fills the database of the benchmark of conversations. Users, members and reactions are written as the service stores them. */
import { createSigner } from 'fast-jwt'
import { openClient } from '../../src/db/client/open.ts'
import { createDatabase } from '../../src/db/database.ts'
import type { BenchDatabase } from './database.ts'
import type { Service } from './service.ts'

/**
 * Inserts the users `person-1`, `person-2`, … with the password hash of `person-0`. Registering them would take longer than the
 * benchmark.
 */
export const addUsers = ({ sql }: BenchDatabase, count: number) => sql`
  insert into users (username, hashed_password)
  select 'person-' || n, known.hashed_password
  from users as known cross join generate_series(1, ${count - 1}::int) as n where known.username = 'person-0'
  on conflict do nothing`

/**
 * Signs an access token without a session for each of `count` users. Does not log the users in, because 10,000 logins would
 * take longer than the benchmark.
 */
export const tokensFor = async (
  { sql, secrets }: BenchDatabase,
  service: Service,
  count: number
): Promise<string[]> => {
  const [, payload = ''] = service.tokens[0]?.split('.') ?? []
  const { iat, exp, aud } = JSON.parse(Buffer.from(payload, 'base64url').toString())
  const sign = createSigner({ key: secrets.SECRET_KEY ?? '' })
  const users = await sql`select id, username from users order by id limit ${count}`
  return users.map(({ id: uid, username: sub }) => sign({ sub, uid, jti: `bench-${uid}`, iat, exp, aud }))
}

/** Creates a room with `members` members, of whom `person-0` is the first. Returns the id of the room. */
export const addRoom = async ({ sql }: BenchDatabase, name: string, members: number): Promise<number> => {
  const [room] = await sql`insert into rooms (name) values (${name}) returning id`
  await sql`insert into members (room_id, user_id) select ${room?.id}, id from users
    order by username <> 'person-0', id limit ${members}`
  return room?.id
}

/** Posts messages over one connection, `inFlight` at a time. */
export const post = async (service: Service, room: string, count: number, inFlight = 50): Promise<void> => {
  const client = await service.open(service.tokens[0] ?? '', 'rooms=')
  client.onlyMessages = false
  while (client.frames < 1) await new Promise(setImmediate)
  const frame = JSON.stringify({ type: 'message', room, content: 'x'.repeat(100), ref: 'r' })
  for (let left = count; left > 0; left -= inFlight) {
    const until = client.frames + Math.min(left, inFlight)
    client.send(...Array.from({ length: Math.min(left, inFlight) }, () => frame))
    while (client.frames < until) await new Promise(setImmediate)
  }
  client.close()
}

/** Adds `count` reactions to a message, each by a different user. Each reaction is an entry of the log. */
export const react = async ({ url }: BenchDatabase, roomId: number, target: number, count: number): Promise<void> => {
  const client = await openClient({ url, poolMax: 1 })
  const { messages } = createDatabase(client, 'public')
  const users = await client.query<{ id: number }>(`select id from users order by id limit ${count}`)
  for (let at = 0; at < users.length; at += 100) {
    const entries = users.slice(at, at + 100).map(({ id }, index) => ({
      roomId,
      userId: id,
      writeId: `react-${target}-${at + index}`,
      kind: 'reaction',
      targetSeq: target,
      content: null,
      meta: null,
      keyId: null,
      detail: JSON.stringify({ key: `key-${(at + index) % 40}`, action: 'added' })
    }))
    const refused = (await messages.append(entries)).find(result => 'refused' in result)
    if (refused) throw new Error(`A reaction was refused: ${JSON.stringify(refused)}`)
  }
  await client.close()
}
