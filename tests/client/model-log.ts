/**
 * Models the log of a room with messages, edits, deletions, reactions, pins and erasures. Returns frames, parts of the log and
 * HTTP lists like a service that has read only the first `known` entries.
 */
import type { Sent } from '../support/fake-service.ts'

const KEYS = Array.from({ length: 26 }, (_, at) => `key${at}`)
const TIME = Date.parse('2026-01-31T12:00:00.000Z')

type Entry = Sent
type Random = () => number

const timeOf = (seq: number): string => new Date(TIME + seq).toISOString().replace('Z', '+00:00')

export const createModelLog = (random: Random, me: number) => {
  const log: Entry[] = []
  const draw = (count: number): number => Math.floor(random() * count)
  const pick = <One>(from: readonly One[]): One | undefined => from[draw(from.length)]

  const entriesOf = (seq: number, known: number): Entry[] =>
    log.filter(entry => entry.target === seq && entry.seq <= known && entry.type !== 'message')

  const isErasedBy = (entry: Entry, known: number): Entry | undefined =>
    log.find(
      ({ type, subject, seq }) => type === 'erasure' && subject === entry.user_id && seq > entry.seq && seq <= known
    )

  /** Returns a message in the state after the first `known` entries. */
  const stateOf = (seq: number, known: number) => {
    const { type: _, timestamp, ...message } = log[seq - 1] ?? {}
    const changes = entriesOf(seq, known)
    const deletion = changes.find(({ type }) => type === 'deletion')
    const edit = changes.findLast(({ type }) => type === 'edit')
    const erasure = isErasedBy(log[seq - 1] ?? {}, known)
    const reacted = new Map<string, number[]>()
    for (const { type, key, action, user_id } of deletion || erasure ? [] : changes) {
      if (type !== 'reaction') continue
      const others = (reacted.get(key) ?? []).filter(user => user !== user_id)
      reacted.delete(key)
      reacted.set(key, action === 'added' ? [...others, user_id] : others)
    }
    const current = edit ?? message
    const { meta: __, mentions: ___, nonce, content: ____, ...place } = message
    const changedSeq = changes.at(-1)?.seq
    const item = {
      ...place,
      ...(erasure ? { username: 'deleted user' } : {}),
      ...(deletion || erasure
        ? { content: null, unavailable: 'erased' }
        : {
            content: current.content,
            nonce,
            ...(current.meta ? { meta: current.meta } : {}),
            ...(edit ? { edited_at: edit.timestamp } : {})
          }),
      ...(current.mentions && !deletion && !erasure ? { mentions: current.mentions } : {}),
      ...(changedSeq === undefined ? {} : { changed_seq: changedSeq })
    }
    const all = [...reacted].map(([key, users]) => ({ key, count: users.length })).filter(({ count }) => count > 0)
    all.sort((one, other) => other.count - one.count || (one.key < other.key ? -1 : 1))
    const mine = entriesOf(seq, known)
      .filter(({ type, user_id, key }) => type === 'reaction' && user_id === me && reacted.get(key)?.includes(me))
      .map(({ key }) => key as string)
    return {
      item,
      timestamp,
      reactions: all,
      isPinned: !deletion && !erasure && changes.findLast(({ type }) => type === 'pin')?.action === 'added',
      mine: deletion || erasure ? [] : mine.filter((key, at) => mine.lastIndexOf(key) === at)
    }
  }

  const replyOf = (seq: number, known: number): Sent => {
    const { item } = stateOf(seq, known)
    const { user_id, username, content, unavailable } = item as Sent
    return { seq, user_id, username, ...(content === null ? { unavailable } : { excerpt: content.slice(0, 100) }) }
  }

  const itemOf = (seq: number, known: number): Sent => {
    const { item, timestamp, reactions, isPinned } = stateOf(seq, known)
    const { reply_to: replyTo } = item as Sent
    return {
      ...item,
      ...(reactions.length > 0 ? { reactions: reactions.slice(0, 20) } : {}),
      ...(isPinned ? { pinned: true } : {}),
      ...(replyTo ? { reply: replyOf(replyTo, known) } : {}),
      created_at: timestamp
    }
  }

  /** Returns the frame of an entry. Messages have their current text. Edits have a text only if it is still current. */
  const frameOf = (seq: number, known: number): Sent => {
    const entry = log[seq - 1] ?? {}
    if (entry.type === 'message') {
      const { item, timestamp } = stateOf(seq, known)
      return { type: 'message', ...item, timestamp }
    }
    const erasure = isErasedBy(entry, known)
    const named = erasure ? { ...entry, username: 'deleted user' } : entry
    if (entry.type !== 'edit') return named
    const changes = entriesOf(entry.target, known)
    const { content: _, meta: __, nonce: ___, ...place } = named
    if (erasure || changes.some(({ type }) => type === 'deletion'))
      return { ...place, content: null, unavailable: 'erased' }
    return changes.findLast(({ type }) => type === 'edit') === entry
      ? named
      : { ...place, content: null, unavailable: 'superseded' }
  }

  /** Appends a random entry. */
  const append = (): void => {
    const seq = log.length + 1
    const author = 1 + draw(4)
    const place = { id: seq, room: 'general', seq, user_id: author, username: `user-${author}`, timestamp: timeOf(seq) }
    const more = {
      ...(random() < 0.3 ? { meta: { seq } } : {}),
      ...(random() < 0.3 ? { mentions: [1 + draw(4)] } : {})
    }
    const nonce = `n${seq}`
    const messages = log.filter(({ type }) => type === 'message')
    // Recent messages change more often.
    const target = pick(random() < 0.7 ? messages.slice(-6) : messages)
    const chance = random()
    if (chance < 0.01) {
      log.push({ type: 'erasure', ...place, username: 'deleted user', subject: author })
      return
    }
    const isAlive = target !== undefined && stateOf(target.seq, seq).item.content !== null
    if (chance < 0.4 || !target || !isAlive) {
      const replyTo = target && random() < 0.4 ? { reply_to: target.seq } : {}
      log.push({ type: 'message', ...place, content: `message ${seq}`, nonce, ...more, ...replyTo })
      return
    }
    const byAuthor = { ...place, user_id: target.user_id, username: target.username, target: target.seq, nonce }
    if (chance < 0.6) log.push({ type: 'edit', ...byAuthor, content: `edit ${seq}`, ...more })
    else if (chance < 0.63) log.push({ type: 'deletion', ...byAuthor })
    else if (chance < 0.68) {
      const action = stateOf(target.seq, seq).isPinned ? 'removed' : 'added'
      log.push({ type: 'pin', ...place, target: target.seq, action, nonce })
    } else {
      // There are 26 keys, so a message may have more keys than a list shows. A list shows 20 keys.
      const key = pick(KEYS) ?? ''
      const { reactions } = stateOf(target.seq, seq)
      const isOn =
        entriesOf(target.seq, seq).findLast(one => one.key === key && one.user_id === author)?.action === 'added'
      const count = (reactions.find(one => one.key === key)?.count ?? 0) + (isOn ? -1 : 1)
      const action = isOn ? 'removed' : 'added'
      log.push({ type: 'reaction', ...place, target: target.seq, key, action, count, nonce })
    }
  }

  const mineOf = (seqs: readonly number[], known: number): Sent => {
    const entries = seqs.map(seq => [seq, stateOf(seq, known).mine] as const).filter(([, keys]) => keys.length > 0)
    return entries.length > 0 ? { mine: Object.fromEntries(entries) } : {}
  }

  /**
   * Returns a page of history in the state after the first `items` entries. The field `mine` includes the effects of the first
   * `known` entries, because the service reads the reactions of the user after the messages.
   */
  const history = (query: URLSearchParams, items: number, known = items): Sent => {
    const [after, before, limit] = ['after', 'before', 'limit'].map(name => Number(query.get(name) ?? Number.NaN)) as [
      number,
      number,
      number
    ]
    const seqs = log.filter(
      ({ type, seq }) => type === 'message' && seq <= items && !(seq >= before) && !(seq <= after)
    )
    const shown = (query.has('after') ? seqs.slice(0, limit) : seqs.slice(-limit)).map(({ seq }) => seq as number)
    return {
      room: 'general',
      epoch: 'e1',
      oldest: 1,
      seq: items,
      has_more: shown.length < seqs.length,
      messages: shown.map(seq => itemOf(seq, items)),
      ...mineOf(shown, known)
    }
  }

  const part = (query: URLSearchParams, known: number): Sent => {
    const after = Number(query.get('after'))
    const seqs = log.filter(({ seq }) => seq > after && seq <= known).slice(0, 7)
    const entries = seqs.map(({ seq }) => frameOf(seq, known))
    return { room: 'general', epoch: 'e1', oldest: 1, seq: known, has_more: after + entries.length < known, entries }
  }

  return {
    get head() {
      return log.length
    },
    append,
    frameOf,
    history,
    part,
    /** Returns the messages from `first` on, as the SDK shows them. */
    shown: (first: number): Sent[] =>
      log
        .filter(({ type, seq }) => type === 'message' && seq >= first)
        .map(({ seq }) => ({
          ...itemOf(seq, log.length),
          ...(mineOf([seq], log.length).mine ? { mine: stateOf(seq, log.length).mine } : {})
        }))
  }
}
