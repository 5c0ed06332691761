/** Checks the log and the clients' records of a chaos run against the guarantees of docs/protocol.md. */
import { isDeepStrictEqual } from 'node:util'
import type { ClientRecord } from './client.ts'
import { fold, type LogEntry, type Message } from './fold.ts'

/**
 * Returns a description of each violation of a guarantee. The list is empty if there are no violations. `listed` are the messages
 * of the HTTP list, by `seq`.
 */
export const check = (
  log: readonly LogEntry[],
  records: readonly ClientRecord[],
  listed: ReadonlyMap<number, Message>
): string[] => {
  const { messages, faults } = fold(log)
  return [
    ...gaps(log),
    ...lost(log, records),
    ...doubles(log),
    ...invented(log, records),
    ...records.flatMap(record => deliveredWrongly(log, record)),
    ...faults,
    ...differences('the list', listed, messages),
    ...[...messages.keys()].filter(seq => !listed.has(seq)).map(seq => `the list lacks the message ${seq}`),
    ...records.flatMap(({ name, messages: seen }) => differences(name, seen, messages))
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
      // A reaction that changes nothing is acknowledged with the earlier entry that had the same effect, or with the message.
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

const deliveredWrongly = (log: readonly LogEntry[], { name, delivered, faults }: ClientRecord): string[] => {
  const wrong = faults.map(fault => `${name}: ${fault}`)
  for (const { seq, type } of delivered) {
    if (log[seq - 1]?.type !== type) wrong.push(`${name}: was delivered another ${seq} than the log has`)
  }
  const last = delivered.at(-1)?.seq ?? 0
  if (delivered.length > 0 && last !== log.length) wrong.push(`${name}: was delivered up to ${last} of ${log.length}`)
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
