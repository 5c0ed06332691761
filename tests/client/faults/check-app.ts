/** Compares what a user sent to a room, received and sees with the log of the room. */
import { isDeepStrictEqual } from 'node:util'
import type { Outgoing } from '../../../client/src/index.ts'
import type { LogEntry } from '../../chaos/fold.ts'
import { leaksOf, rightsOf } from '../../chaos/rights.ts'
import type { App } from './app.ts'
import type { FoldedRoom } from './check-log.ts'
import { pause } from './random.ts'
import { isClosed, lastSeqOf, type Track } from './track.ts'
import type { Caller } from './world.ts'

const VIEW_MS = 10_000
/** Timeout in milliseconds for a client to forget a room. It leaves time to repeat a frame that got no response. */
const FORGET_MS = 30_000
const LOST = ['room_not_found', 'banned']

/** Returns what the service sent to the user while the user had no right to read the room. */
export const leaksTo = ({ id, connections }: App, { name, log, visibility }: FoldedRoom): string[] => {
  const rights = rightsOf(log, id, visibility === 'public')
  return connections.flatMap(frames =>
    leaksOf(
      frames.filter(({ room }) => room === name),
      rights
    )
  )
}

/** Compares the events of a room with its log. Reports entries that were lost, delivered twice or delivered in another order. */
export const checkEvents = (track: Track, { log }: FoldedRoom): string[] => {
  const { received, updated, looped, skipped } = track
  const last = lastSeqOf(track)
  const from =
    track.from ?? Math.min(received[0] ?? last, updated[0] ?? last, ...skipped.map(({ after }) => after + 1)) - 1
  const isExpected = ({ seq }: LogEntry): boolean =>
    seq > from && seq <= last && !skipped.some(({ after, upTo }) => seq > after && seq <= upTo)
  const expected = log.filter(isExpected)
  const seqsOf = (isMessage: boolean) =>
    expected.filter(one => (one.type === 'message') === isMessage).map(one => one.seq)
  const compare = (what: string, found: readonly number[], wanted: readonly number[]): string[] =>
    isDeepStrictEqual(found, wanted) ? [] : [`${what} ${found} instead of ${wanted}`]
  return [
    ...compare('received', received, seqsOf(true)),
    ...compare('looped over', looped, seqsOf(true)),
    ...compare('was notified of', updated, seqsOf(false))
  ]
}

/**
 * Checks that each message and change is in the log once, or was reported as failed. A failed one is not in the log, unless its
 * acknowledgement was lost before the user lost the right to read the room.
 */
export const checkOutgoing = ({ id }: App, { sent, outgoing }: Track, { log }: FoldedRoom): string[] => {
  const wrong: string[] = []
  const stored = new Map<string, LogEntry>()
  for (const entry of log) {
    if (entry.nonce === undefined || entry.user_id !== id) continue
    if (stored.has(entry.nonce)) wrong.push(`${entry.nonce} is stored again at ${entry.seq}`)
    stored.set(entry.nonce, entry)
  }
  for (const one of outgoing.values()) wrong.push(...outcomeOf(one, stored.get(one.nonce), log[(one.seq ?? 0) - 1], id))
  const seqs = sent
    .map(nonce => (outgoing.get(nonce)?.status === 'sent' ? outgoing.get(nonce)?.seq : stored.get(nonce)?.seq))
    .filter(seq => seq !== undefined)
  if (
    !isDeepStrictEqual(
      seqs,
      [...seqs].sort((a, b) => a - b)
    )
  )
    wrong.push(`the messages are in the order ${seqs}`)
  // The service may have stored a message for which `isUnknown` is true. If the message was then erased because its author was
  // banned, the log contains the message without its nonce.
  const unknown = sent.filter(nonce => isUnknown(outgoing.get(nonce)) && !stored.has(nonce)).length
  const all = log.filter(({ type, user_id }) => type === 'message' && user_id === id)
  const nameless = all.filter(({ seq, unavailable }) => unavailable === 'erased' && !seqs.includes(seq))
  const own = all.filter(entry => !nameless.includes(entry)).map(({ seq }) => seq)
  if (!isDeepStrictEqual(own, seqs)) wrong.push(`the log has the messages ${own} instead of ${seqs}`)
  if (nameless.length > unknown) wrong.push(`the log has ${nameless.length} erased messages instead of ${unknown}`)
  return wrong
}

/**
 * Returns whether the service may have stored a message or change that failed here. This is possible if the user has lost the
 * right to read the room, because the service then confirms nothing that was sent to the room.
 */
const isUnknown = (one: Outgoing | undefined): boolean =>
  one?.status === 'failed' && LOST.includes(`${one.error?.code}`)

const outcomeOf = (one: Outgoing, stored: LogEntry | undefined, at: LogEntry | undefined, id: number): string[] => {
  const what = `${one.type} ${one.nonce} (${one.content})`
  if (one.status === 'failed') {
    return stored && !isUnknown(one) ? [`${what} failed with ${one.error?.code}, and is stored at ${stored.seq}`] : []
  }
  if (one.status === 'pending') return [`${what} is pending`]
  if (at?.nonce === one.nonce && at.user_id === id) return []
  // An erased entry has no nonce. The acknowledgement of a change without an effect contains the `seq` of an earlier entry, or
  // of the message.
  if (at?.unavailable !== undefined && at.user_id === id) return []
  if ((one.type === 'react' || one.type === 'pin') && (at?.target === one.target || at?.seq === one.target)) return []
  return [`${what} was acknowledged as ${one.seq}, which is ${JSON.stringify(at)}`]
}

/** Loads the whole history, and compares the messages that the user sees with those over HTTP. */
export const checkView = async ({ room }: Track, { api }: Caller): Promise<string[]> => {
  // Repeats failed requests, because a request on a half-open connection gets no response.
  while (await room.older(20).catch(() => true));
  const { messages, mine = {} } = await api.history(room.name, { limit: 1000 })
  const expected = messages.map(message => ({ ...message, ...(mine[message.seq] ? { mine: mine[message.seq] } : {}) }))
  const found = () => room.state.messages.map(message => ({ ...message }))
  const deadline = performance.now() + VIEW_MS
  // After a short random delay, the SDK loads the messages that replies refer to.
  while (!isDeepStrictEqual(found(), expected) && performance.now() < deadline) await pause(20)
  const shown = found()
  if (isDeepStrictEqual(shown, expected)) return []
  return [
    `shows ${shown.length} messages of ${expected.length}`,
    ...expected.flatMap((message, at) =>
      isDeepStrictEqual(shown[at], message)
        ? []
        : [`shows ${JSON.stringify(shown[at])} instead of ${JSON.stringify(message)}`]
    )
  ]
}

/** Compares the settings that the user sees with those of the room. Skips settings that the client has not received. */
export const checkSettings = ({ room: { state } }: Track, { rules }: FoldedRoom): string[] =>
  Object.entries(rules.settings).flatMap(([name, value]) => {
    const found = state[name as keyof typeof state]
    return found === undefined || found === value ? [] : [`shows the ${name} ${found} instead of ${value}`]
  })

/** Checks that the client has forgotten a room that the user may not read anymore. */
export const checkForgotten = async (track: Track): Promise<string[]> => {
  const isForgotten = (): boolean => {
    const { messages, title, topic } = track.room.state
    return isClosed(track) && messages.length === 0 && title === undefined && topic === undefined
  }
  const deadline = performance.now() + FORGET_MS
  // After a reconnection, the client subscribes again, and is `catching_up` until the service refuses the subscription.
  while (!isForgotten() && performance.now() < deadline) await pause(20)
  const { messages, title, status } = track.room.state
  return isForgotten() ? [] : [`is ${status}, and shows ${messages.length} messages and the title ${title}`]
}
