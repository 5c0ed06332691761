/** Waits until all clients have received everything, and compares each room and inbox at the end of a chaos run. */
import { isDeepStrictEqual } from 'node:util'
import { check } from './check.ts'
import type { ChaosClient } from './client.ts'
import { wait } from './faults.ts'
import type { LogEntry } from './fold.ts'
import { type HttpUser, headOf, readInbox, readLog, readMembers, readMessages } from './http.ts'
import { compared, type InboxItem } from './inbox-view.ts'
import type { ClientRecord } from './room-reader.ts'
import { type RulesOptions, rulesOf } from './rules.ts'

export interface ChaosEnd {
  readonly violations: string[]
  readonly logs: ReadonlyMap<string, readonly LogEntry[]>
}

export interface ChaosState {
  readonly users: readonly HttpUser[]
  readonly clients: readonly ChaosClient[]
  /** The visibility and the roles of each room before its first entry. */
  readonly rooms: ReadonlyMap<string, RulesOptions>
}

const SETTLE_MS = 120_000
const INBOX_MS = 60_000

/** Returns the newest `seq` of each room that a user may read. */
const headsOf = async (user: HttpUser, rooms: ChaosState['rooms']): Promise<Map<string, number>> => {
  const heads = new Map<string, number>()
  for (const room of rooms.keys()) {
    const head = await headOf(user, room)
    if (head !== undefined) heads.set(room, head)
  }
  return heads
}

/**
 * Returns what a client still has to receive: acknowledgements, entries of a room, or the end of a subscription. Returns undefined
 * if it has received everything.
 */
const missing = (client: ChaosClient, heads: ReadonlyMap<string, number>): string | undefined => {
  if (!client.isSettled) return `${client.name}: has unacknowledged frames`
  for (const [room, reader] of client.readers) {
    const head = heads.get(room)
    if (head !== undefined && (reader.lastSeq !== head || !reader.isSubscribed))
      return `${client.name}: received up to ${reader.lastSeq} of ${head} in ${room}`
    if (head === undefined && reader.isSubscribed) return `${client.name}: is still subscribed to ${room}`
  }
  return undefined
}

const settle = async ({ users, clients, rooms }: ChaosState): Promise<string[]> => {
  const settlesBy = Date.now() + SETTLE_MS
  for (;;) {
    const late = await Promise.all(
      clients.map(async (client, at) => {
        const heads = await headsOf(users[at] as HttpUser, rooms).catch(() => undefined)
        return heads ? missing(client, heads) : `${client.name}: the service does not respond`
      })
    )
    const found = late.filter(what => what !== undefined)
    if (found.length === 0 || Date.now() > settlesBy) return found
    await wait(1000)
  }
}

const checkRoom = async (
  { users, clients }: ChaosState,
  room: string,
  options: RulesOptions,
  readers: ReadonlySet<string>
): Promise<{ log: LogEntry[]; violations: string[] }> => {
  const reader = users.find(({ name }) => readers.has(name))
  if (!reader) return { log: [], violations: [] }
  const log = await readLog(reader, room)
  const records = clients.flatMap(client => client.readers.get(room)?.record ?? [])
  const mayRead = ({ name }: ClientRecord): boolean => readers.has(name)
  const violations = check(log, records, await readMessages(reader, room), options, mayRead)
  const members = await readMembers(reader, room)
  const found = members.map(({ user_id, role }) => `${user_id} ${role}`).sort()
  const expected = [...rulesOf(log, options).roles].map(([id, role]) => `${id} ${role}`).sort()
  // `expected` is computed from the log and from the roles before the first entry (`options`).
  if (!isDeepStrictEqual(found, expected)) violations.push(`the members are ${found} instead of ${expected}`)
  return { log, violations: violations.map(what => `${room}: ${what}`) }
}

/**
 * Compares the inbox that a client keeps with the inbox over HTTP. Also compares the number of unread messages of each room in
 * the inbox with the log of the room.
 */
const checkInbox = async (client: ChaosClient, user: HttpUser, logs: ChaosEnd['logs']): Promise<string[]> => {
  const load = async (): Promise<InboxItem[]> => compared((await readInbox(user)).rooms)
  const endsBy = Date.now() + INBOX_MS
  let expected = await load()
  while (!isDeepStrictEqual(client.inbox(), expected) && Date.now() < endsBy) {
    await wait(1000)
    expected = await load()
  }
  const violations: string[] = []
  if (!isDeepStrictEqual(client.inbox(), expected))
    violations.push(`the inbox is ${JSON.stringify(client.inbox())} instead of ${JSON.stringify(expected)}`)
  for (const { room, messages, read_messages } of expected) {
    const log = logs.get(room)
    if (!log) continue
    const mark = (await readMembers(user, room)).find(({ user_id }) => user_id === user.id)?.read_seq ?? 0
    const unread = log.filter(({ type, seq }) => type === 'message' && seq > mark).length
    if (messages - read_messages !== unread)
      violations.push(`${room} has ${messages - read_messages} unread messages instead of ${unread}`)
  }
  return violations.map(what => `${client.name}: ${what}`)
}

export const checkEnd = async (state: ChaosState): Promise<ChaosEnd> => {
  const { users, clients, rooms } = state
  const violations = await settle(state)
  const logs = new Map<string, LogEntry[]>()
  const heads = await Promise.all(users.map(user => headsOf(user, rooms)))
  for (const [room, options] of rooms) {
    const readers = new Set(users.filter((_, at) => heads[at]?.has(room)).map(({ name }) => name))
    const { log, violations: found } = await checkRoom(state, room, options, readers)
    if (log.length > 0) logs.set(room, log)
    violations.push(...found)
  }
  const inboxes = clients.map((client, at) => checkInbox(client, users[at] as HttpUser, logs))
  return { violations: [...violations, ...(await Promise.all(inboxes)).flat()], logs }
}
