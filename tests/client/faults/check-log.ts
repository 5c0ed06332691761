/** Compares the state of a room over HTTP with its log: messages, notices, pins, members, restrictions and settings. */
import { isDeepStrictEqual } from 'node:util'
import { fold, type LogEntry, type Message, shown } from '../../chaos/fold.ts'
import { type RoomRules, rulesOf } from '../../chaos/rules.ts'
import { count } from './counts.ts'
import type { Caller, RoomInfo, World } from './world.ts'

/** A room, and the state that follows from its log. */
export interface FoldedRoom extends RoomInfo {
  readonly log: readonly LogEntry[]
  readonly messages: ReadonlyMap<number, Message>
  readonly rules: RoomRules
}

/** The default values of settings. A response leaves out a setting that has its default value. */
const DEFAULTS: readonly unknown[] = [null, 0, false, 'members']
const NOTICES = ['message', 'membership', 'room', 'pin']
const byId = (one: readonly [number, unknown], other: readonly [number, unknown]): number => one[0] - other[0]

const readLog = async ({ api }: Caller, room: string): Promise<LogEntry[]> => {
  const log: LogEntry[] = []
  for (;;) {
    const { entries, has_more } = await api.log(room, { after: log.length, limit: 1000 })
    log.push(...(entries as unknown as LogEntry[]))
    if (!has_more) return log
  }
}

/** Reads the log of a room, as a user who may read it. Reports missing entries, and entries that contradict earlier ones. */
export const readRoom = async (world: World, info: RoomInfo, caller: Caller): Promise<FoldedRoom> => {
  const log = await readLog(caller, info.name)
  const { messages, faults } = fold(log)
  const rules = rulesOf(log, info)
  world.wrong.push(...[...faults, ...rules.faults].map(fault => `${info.name}: ${fault}`))
  log.forEach(({ seq }, at) => {
    if (seq !== at + 1) world.wrong.push(`${info.name}: the log has ${seq} at place ${at + 1}`)
  })
  for (const { type, event } of log) count(world.counts.entries, event === undefined ? type : `${type} ${event}`)
  world.counts.messages += messages.size
  return { ...info, log, messages, rules }
}

export const checkHttp = async ({ wrong }: World, room: FoldedRoom, { api, id, moderation }: Caller): Promise<void> => {
  const { name, log, messages, rules } = room
  const compare = (what: string, found: unknown, expected: unknown): void => {
    if (!isDeepStrictEqual(found, expected))
      wrong.push(`${name}: ${what}: ${JSON.stringify(found)} instead of ${JSON.stringify(expected)}`)
  }
  const { messages: items } = await api.history(name, { limit: 1000 })
  const found = items.map(({ seq, content, reactions = [], pinned, mentions = [] }): [number, Message] => [
    seq,
    {
      content,
      reactions: shown(new Map(reactions.map(({ key, count }) => [key, count]))),
      ...(pinned ? { pinned } : {}),
      ...(mentions.length > 0 ? { mentions: [...mentions].sort((one, other) => one - other) } : {})
    }
  ])
  compare('the list', found, [...messages])
  const { messages: notices } = await api.history(name, { limit: 1000, notices: true } as object)
  compare(
    'the list with notices',
    notices.map(({ seq }) => seq),
    log.filter(({ type }) => NOTICES.includes(type)).map(({ seq }) => seq)
  )
  const { messages: pins } = await api.pins(name, { limit: 100 })
  const pinned = [...messages].filter(([, message]) => message.pinned).map(([seq]) => seq)
  compare(
    'the pins',
    pins.map(({ seq }) => seq).sort((a, b) => a - b),
    pinned
  )
  const { members } = await api.members(name)
  compare(
    'the members',
    members.map(({ user_id, role }) => [user_id, role] as const).sort(byId),
    [...rules.roles].sort(byId)
  )
  const settings = (await api.showRoom(name)) as unknown as Record<string, unknown>
  for (const [setting, value] of Object.entries(rules.settings))
    if (settings[setting] !== undefined || !DEFAULTS.includes(value)) compare(setting, settings[setting], value)
  if (rules.roles.get(id) !== 'owner') return
  const { restrictions } = await moderation.restrictions(name)
  const lasting = restrictions.filter(one => one.until === undefined)
  compare(
    'the restrictions',
    lasting.map(({ kind, user_id }) => `${kind}:${user_id}`).sort(),
    [...rules.restrictions].sort()
  )
}
