/** Checks the log and the clients' records of a chaos run against the guarantees of docs/protocol.md. */
import type { ClientRecord } from './client.ts'

export interface LogEntry {
  readonly seq: number
  readonly content: string
  readonly nonce?: string
}

/** Returns a description of each violation of a guarantee. The list is empty if there are no violations. */
export const check = (log: readonly LogEntry[], records: readonly ClientRecord[]): string[] => [
  ...gaps(log),
  ...lost(log, records),
  ...doubles(log),
  ...invented(log, records),
  ...records.flatMap(record => deliveredWrongly(log, record))
]

const gaps = (log: readonly LogEntry[]): string[] =>
  log.flatMap(({ seq }, at) => (seq === at + 1 ? [] : [`the log has ${seq} at place ${at + 1}`]))

const lost = (log: readonly LogEntry[], records: readonly ClientRecord[]): string[] =>
  records.flatMap(({ name, acknowledged }) =>
    [...acknowledged].flatMap(([nonce, seq]) =>
      log[seq - 1]?.nonce === nonce
        ? []
        : [`${name}: ${nonce} was acknowledged as ${seq}, where there is another or none`]
    )
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
  return log.flatMap(({ seq, content }) => (sent.has(content) ? [] : [`${seq} was never sent`]))
}

const deliveredWrongly = (log: readonly LogEntry[], { name, delivered, faults }: ClientRecord): string[] => {
  const wrong = faults.map(fault => `${name}: ${fault}`)
  for (const { seq, content } of delivered) {
    if (log[seq - 1]?.content !== content) wrong.push(`${name}: was delivered another ${seq} than the log has`)
  }
  const last = delivered.at(-1)?.seq ?? 0
  if (delivered.length > 0 && last !== log.length) wrong.push(`${name}: was delivered up to ${last} of ${log.length}`)
  return wrong
}
