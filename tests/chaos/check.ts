/** Checks the log and the clients' records of a chaos run against the guarantees of docs/protocol.md. */
import { isDeepStrictEqual } from 'node:util'
import { fold, type LogEntry, type Message } from './fold.ts'
import { leaksOf, rightsOf } from './rights.ts'
import type { ClientRecord } from './room-reader.ts'
import { type RulesOptions, rulesOf } from './rules.ts'

/** The default of `options`: a public room that has no roles before its first entry. */
const PUBLIC: RulesOptions = { visibility: 'public', roles: new Map() }

/**
 * Returns a description of each violation of a guarantee in one room. The list is empty if there are no violations. `listed` are the
 * messages of the HTTP list, by `seq`. `mayRead` returns whether a client may read the room at the end. If so, the client must
 * have received the last entry.
 */
export const check = (
  log: readonly LogEntry[],
  records: readonly ClientRecord[],
  listed: ReadonlyMap<number, Message>,
  options: RulesOptions = PUBLIC,
  mayRead: (record: ClientRecord) => boolean = () => true
): string[] => {
  const { messages, faults } = fold(log)
  return [
    ...rulesOf(log, options).faults,
    ...records.flatMap(record => leaks(log, record, options.visibility === 'public')),
    ...gaps(log),
    ...lost(log, records),
    ...doubles(log),
    ...invented(log, records),
    ...records.flatMap(record => deliveredWrongly(log, record, mayRead(record))),
    ...faults,
    ...differences('the list', listed, messages),
    ...[...messages.keys()].filter(seq => !listed.has(seq)).map(seq => `the list lacks the message ${seq}`),
    ...records.filter(mayRead).flatMap(({ name, messages: seen }) => differences(name, seen, messages))
  ]
}

const gaps = (log: readonly LogEntry[]): string[] =>
  log.flatMap(({ seq }, at) => (seq === at + 1 ? [] : [`the log has ${seq} at place ${at + 1}`]))

const lost = (log: readonly LogEntry[], records: readonly ClientRecord[]): string[] =>
  records.flatMap(({ name, acknowledged, reactions }) =>
    [...acknowledged].flatMap(([nonce, seq]) => {
      const entry = log[seq - 1]
      // An erased entry has no nonce.
      if (entry?.nonce === nonce || entry?.unavailable === 'erased') return []
      // If a reaction changes nothing, its ack has the `seq` of an earlier reaction to the message, or of the message itself.
      const target = reactions.get(nonce)
      if (target !== undefined && (entry?.target === target || entry?.seq === target)) return []
      return [`${name}: ${nonce} was acknowledged as ${seq}, but this entry has another nonce or does not exist`]
    })
  )

const doubles = (log: readonly LogEntry[]): string[] => {
  const seen = new Set<string>()
  return log.flatMap(({ nonce, seq }) => {
    if (nonce === undefined || !seen.has(nonce)) {
      if (nonce !== undefined) seen.add(nonce)
      return []
    }
    return [`${nonce} is stored again at ${seq}`]
  })
}

const invented = (log: readonly LogEntry[], records: readonly ClientRecord[]): string[] => {
  const sent = new Set(records.flatMap(record => [...record.sent]))
  return log.flatMap(({ seq, content, unavailable }) =>
    content == null || sent.has(content)
      ? content === null && unavailable === undefined
        ? [`${seq} has no text, and no reason for that`]
        : []
      : [`${seq} was never sent`]
  )
}

const leaks = (
  log: readonly LogEntry[],
  { name, userId, connections = [] }: ClientRecord,
  isPublic: boolean
): string[] => {
  if (userId === undefined) return []
  const rights = rightsOf(log, userId, isPublic)
  return connections.flatMap(frames => leaksOf(frames, rights).map(what => `${name}: was sent ${what}`))
}

const deliveredWrongly = (
  log: readonly LogEntry[],
  { name, delivered, faults }: ClientRecord,
  isReader: boolean
): string[] => {
  const wrong = faults.map(fault => `${name}: ${fault}`)
  for (const { seq, type } of delivered) {
    if (log[seq - 1]?.type !== type) wrong.push(`${name}: was delivered another ${seq} than the log has`)
  }
  const last = delivered.at(-1)?.seq ?? 0
  if (isReader && delivered.length > 0 && last !== log.length)
    wrong.push(`${name}: was delivered up to ${last} of ${log.length}`)
  return wrong
}

/** Compares messages with the messages that were computed from the log. */
const differences = (
  name: string,
  seen: ReadonlyMap<number, Message>,
  messages: ReadonlyMap<number, Message>
): string[] =>
  [...seen].flatMap(([seq, message]) =>
    isDeepStrictEqual(message, messages.get(seq))
      ? []
      : [`${name}: shows ${JSON.stringify(message)} as ${seq} instead of ${JSON.stringify(messages.get(seq))}`]
  )
