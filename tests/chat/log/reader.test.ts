import { expect, test } from 'vitest'
import { erasure } from '../../../src/chat/kinds/erasure.ts'
import { createKinds } from '../../../src/chat/kinds/index.ts'
import { message } from '../../../src/chat/kinds/message.ts'
import { makeEntry } from '../../../src/chat/log/entry.ts'
import { createLogReader, type Range } from '../../../src/chat/log/reader.ts'
import { Room } from '../../../src/chat/rooms/room.ts'
import { createKeyring } from '../../../src/crypto/keyring.ts'
import type { Clock } from '../../../src/lib/clock.ts'
import { fakeClock } from '../../support/clock.ts'
import { silentLog } from '../../support/memory-chat.ts'
import { createMemoryLog } from '../../support/memory-log.ts'
import fc from '../../support/properties.ts'
import { ENCRYPTION_KEY } from '../../support/settings.ts'

/**
 * Creates a reader of a log with `count` entries of `length` characters. An entry is a message, or of another kind if `isOther`
 * returns true for its `seq`. The other kind is that of a notice if `isNotice` returns true. `queries` records the reader's
 * queries and the number of rows that they return.
 */
const start = async (
  count: number,
  {
    length = 10,
    concurrentReads = 2,
    clock = fakeClock() as Pick<Clock, 'now' | 'monotonic'>,
    isDeleted = (_: number): boolean => false,
    isOther = (_: number): boolean => false,
    isNotice = (_: number): boolean => false
  } = {}
) => {
  const keyring = createKeyring({ current: ENCRYPTION_KEY, now: clock.now })
  const memory = createMemoryLog(['general'])
  const { token, keyId } = keyring.encrypt('x'.repeat(length))
  await memory.messages.append(
    Array.from({ length: count }, (_, at) => ({
      roomId: 1,
      userId: 1,
      writeId: `w${at}`,
      kind: isOther(at + 1) ? (isNotice(at + 1) ? 'membership' : 'other') : 'message',
      content: token,
      meta: null,
      keyId
    }))
  )
  /** Called with the first position of each range that is read. */
  const onRange: { of?: (from: number) => void } = {}
  const queries = { running: 0, maximum: 0, total: 0, looks: 0, rows: 0, ranges: [] as [number, number][] }
  const listed = (from: number, to: number, withNotices = false) =>
    upTo(from, to)
      .filter(seq => !isDeleted(seq) && (!isOther(seq) || (withNotices && isNotice(seq))))
      .map(seq => ({ first: seq, last: seq }))
  const reading = createLogReader({
    kinds: createKinds(),
    keyring,
    clock: clock as Clock,
    concurrentReads,
    log: silentLog,
    nameOf: () => 'general',
    reactions: memory.reactions,
    messages: {
      ...memory.messages,
      async range(roomId, from, to) {
        queries.total++
        onRange.of?.(from)
        queries.ranges.push([from, to])
        queries.maximum = Math.max(queries.maximum, ++queries.running)
        const rows = await memory.messages.range(roomId, from, to)
        queries.running--
        queries.rows += rows.length
        return rows.filter(({ seq }) => !isDeleted(seq))
      },
      async some(roomId, seqs) {
        const rows = await memory.messages.some(roomId, seqs)
        queries.rows += rows.length
        return rows.filter(({ seq }) => !isDeleted(seq))
      },
      async runsBefore(_, to, wanted, withNotices) {
        queries.looks++
        return listed(1, to, withNotices).slice(-wanted)
      },
      async runsAfter(_, from, to, wanted, withNotices) {
        queries.looks++
        return listed(from, to, withNotices).slice(0, wanted)
      }
    }
  })
  const row = {
    id: 1,
    name: 'general',
    title: null,
    epoch: 'e',
    lastSeq: count,
    oldestSeq: 1,
    hasOthers: upTo(1, count).some(isOther)
  }
  const room = new Room({ ...row, pages: reading.pages, log: silentLog, clock: { monotonic: () => 0 } })
  /** Reads a list. Returns the parsed items, and the size in bytes of the longest chunk of the response. */
  const list = async (range: Range) => {
    const body = (await reading.part(room, range, 1)).json('[', () => ']')
    if (Buffer.isBuffer(body)) return { items: JSON.parse(body.toString()), longest: body.length }
    const pieces: Buffer[] = []
    for await (const piece of body) pieces.push(piece)
    return { items: JSON.parse(Buffer.concat(pieces).toString()), longest: Math.max(...pieces.map(p => p.length)) }
  }
  return { reading, room, list, queries, onRange }
}

const seqs = (items: { seq: number }[]) => items.map(({ seq }) => seq)
const upTo = (from: number, to: number) => Array.from({ length: Math.max(to - from + 1, 0) }, (_, at) => from + at)

test('entries that were read once are in the page cache for all later reads', async () => {
  const { list, queries } = await start(1000)
  expect(seqs((await list({ limit: 1000 })).items)).toEqual(upTo(1, 1000))
  expect(queries.total).toBe(16)
  expect(seqs((await list({ before: 500, limit: 100 })).items)).toEqual(upTo(400, 499))
  expect(seqs((await list({ after: 7, limit: 3 })).items)).toEqual([8, 9, 10])
  expect(queries.total).toBe(16)
})

test.for([10, 4000])(
  'a page of a log with many deleted entries is read once (%i characters per entry)',
  async length => {
    const { list, queries } = await start(640, { length, isDeleted: seq => seq % 2 === 1 })
    const left = upTo(1, 640).filter(seq => seq % 2 === 0)
    expect(seqs((await list({ limit: 640 })).items)).toEqual(left)
    expect(seqs((await list({ limit: 640 })).items)).toEqual(left)
    expect(seqs((await list({ after: 9, limit: 4 })).items)).toEqual([10, 12])
    expect(queries.total).toBe(10)
  }
)

test('a list of messages with many other entries between them reads only these messages', async () => {
  const { reading, room, list, queries } = await start(2400, { isOther: seq => seq % 60 !== 0 })
  const expected = upTo(1, 35).map(at => at * 60 + 300)
  expect(seqs((await list({ limit: 35 })).items)).toEqual(expected)
  expect(queries).toMatchObject({ total: 0, rows: 35 })
  // A message in the page cache is not read again.
  await reading.pages.past(room.id, 2400, 2400)
  queries.rows = 0
  expect(seqs((await list({ limit: 35 })).items)).toEqual(expected)
  expect(queries.rows).toBe(34)
})

test('a list of messages with few other entries between them is read through the page cache', async () => {
  const { list, queries } = await start(1000, { isOther: seq => seq % 2 === 0 })
  for (let read = 0; read < 2; read++) {
    expect(seqs((await list({ limit: 100 })).items)).toEqual(upTo(1, 100).map(at => 2 * at + 799))
    expect(queries.ranges).toHaveLength(4)
  }
  expect((await list({ limit: 1 })).items).toHaveLength(1)
  expect(queries.ranges).toHaveLength(4)
})

test('a list of cached messages needs no query, also if the log has other entries', async () => {
  const { reading, room, list, queries } = await start(1000, { isOther: seq => seq % 2 === 0 })
  const ranges = [{ limit: 50 }, { before: 500, limit: 50 }, { after: 300, limit: 50, messagesOnly: true }]
  for (const range of [...ranges, { around: 301, limit: 50 }]) {
    const first = await list(range)
    const before = { ...queries, ranges: [...queries.ranges] }
    expect(await list(range)).toEqual(first)
    expect(queries).toEqual(before)
    // Requires that the entries come from the page cache, and not from a query that this test does not count.
    expect(reading.part(room, range, 1)).not.toBeInstanceOf(Promise)
  }
})

test('the places of the newest messages are looked up again only after an entry was added or the list has changed', async () => {
  // The messages are far apart, so a search in the page cache ends without a result.
  const { reading, room, list, queries } = await start(1000, { isOther: seq => seq % 20 !== 0 })
  const newest = (limit: number) => upTo(1, limit).map(at => 20 * (at - limit) + 1000)
  const looks = async (range: Range): Promise<number> => {
    queries.looks = 0
    await list(range)
    return queries.looks
  }
  expect([await looks({ limit: 30 }), await looks({ limit: 30 }), await looks({ limit: 30 })]).toEqual([1, 0, 0])
  expect(seqs((await list({ limit: 30 })).items)).toEqual(newest(30))
  // The places (parts of the log) of other lists are looked up at each read. The cached places of the newest list remain.
  expect([await looks({ before: 900, limit: 30 }), await looks({ before: 900, limit: 30 })]).toEqual([1, 1])
  expect(await looks({ limit: 30 })).toBe(0)
  expect([await looks({ limit: 20 }), await looks({ limit: 20 })]).toEqual([1, 0])
  expect(seqs((await list({ limit: 20 })).items)).toEqual(newest(20))
  reading.pages.invalidate(room.id, 5, 5)
  expect([await looks({ limit: 20 }), await looks({ limit: 20 })]).toEqual([1, 0])
  room.expire(820)
  expect(seqs((await list({ limit: 20 })).items)).toEqual(newest(10))
  await room.reaches({ epoch: 'f', lastSeq: 1000, oldestSeq: 1 })
  expect(await looks({ limit: 20 })).toBe(1)
})

test('a list fails if its log is replaced while its parts are read', async () => {
  const { room, list, onRange } = await start(256, { isOther: seq => seq > 64 && seq <= 192 })
  onRange.of = from => {
    if (from !== 193) return
    onRange.of = () => {}
    void room.reaches({ epoch: 'f', lastSeq: 256, oldestSeq: 1 })
  }
  await expect(list({ limit: 128 })).rejects.toThrow('replaced')
})

test('the places of a list with many runs are not kept', async () => {
  const { list, queries } = await start(4620, { isOther: seq => seq % 70 !== 0 })
  for (const read of [1, 2]) {
    await list({ limit: 66 })
    expect(queries.looks).toBe(read)
  }
})

test('a list continues past messages that were deleted, also if it reads single messages', async () => {
  // More messages are deleted than are read at a time.
  const { list } = await start(2400, { isOther: seq => seq % 40 !== 0, isDeleted: seq => seq > 400 && seq <= 2000 })
  const expected = upTo(1, 60)
    .map(at => at * 40)
    .filter(seq => seq <= 400 || seq > 2000)
  expect(seqs((await list({ limit: 60 })).items)).toEqual(expected)
})

test('a list contains an acknowledged entry that the room has not read yet', async () => {
  const { room, list } = await start(3)
  await room.reaches({ epoch: 'another', lastSeq: 2, oldestSeq: 1 })
  room.grown(3)
  expect(room.tail).toBe(2)
  expect(seqs((await list({ limit: 10 })).items)).toEqual([1, 2, 3])
})

test('the seq of a list is the newest one at the time of the request, because its messages may lack the effects of later entries', async () => {
  const { reading, room } = await start(4)
  await room.reaches({ epoch: 'another', lastSeq: 3, oldestSeq: 1 })
  const part = reading.part(room, { limit: 10 }, 1)
  room.grown(4)
  expect((await part).room.seq).toBe(3)
})

test('concurrent reads of the same entries cost one query per page', async () => {
  const { list, queries } = await start(200)
  await Promise.all(Array.from({ length: 50 }, () => list({ limit: 200 })))
  expect(queries.ranges.sort(([a], [b]) => a - b)).toEqual([
    [1, 64],
    [65, 128],
    [129, 192],
    [193, 200]
  ])
})

test.for([1, 2, 5])('at most %i queries read the log concurrently', async concurrentReads => {
  const { list, queries } = await start(2000, { concurrentReads })
  await Promise.all(Array.from({ length: 20 }, (_, at) => list({ before: 100 * at + 101, limit: 100 })))
  expect(queries.maximum).toBe(concurrentReads)
})

test('the entries of a page are decrypted in several turns of the event loop', async () => {
  let now = 0
  let turns = 0
  const { list } = await start(64, { clock: { now: () => 0, monotonic: () => now++ } })
  const count = setImmediate(function next() {
    turns++
    timer = setImmediate(next)
  })
  let timer = count
  await list({ limit: 64 })
  clearImmediate(timer)
  // The clock advances by 1 ms at each look, so that at most two entries are decrypted per turn.
  expect(turns).toBeGreaterThan(20)
})

test('a long list is sent in chunks of 32 KiB, and is read only as fast as the client reads it', async () => {
  const { reading, room, list, queries } = await start(1000, { length: 4000 })
  const { items, longest } = await list({ limit: 1000 })
  expect(seqs(items)).toEqual(upTo(1, 1000))
  expect(longest).toBeLessThanOrEqual(32 * 1024)

  reading.pages.forget(1)
  const before = queries.total
  const body = (await reading.part(room, { limit: 1000 }, 1)).json('[', () => ']')
  if (Buffer.isBuffer(body)) throw new Error('not a stream')
  // A response that nobody reads buffers at most the stream's high-water mark and one more chunk.
  body.read(0)
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
  expect(body.readableLength).toBeLessThanOrEqual(128 * 1024)
  expect(queries.total - before).toBeLessThanOrEqual(1)
  body.destroy()
})

test('a list that cannot be read completely fails, and is never truncated silently', async () => {
  const { reading, room } = await start(1000, { length: 4000 })
  const body = (await reading.part(room, { limit: 1000 }, 1)).json('[', () => ']')
  if (Buffer.isBuffer(body)) throw new Error('not a stream')
  await room.reaches({ epoch: 'another', lastSeq: 1000, oldestSeq: 1 })
  await expect(async () => {
    for await (const _ of body);
  }).rejects.toThrow('was replaced while it was read')
})

test.for([
  { before: 200, limit: 50 },
  { before: 65, limit: 64 },
  { before: 66, limit: 2 },
  { after: 63, limit: 2 },
  { after: 10, before: 40, limit: 100 },
  { after: 250, limit: 100 },
  { limit: 300 },
  { before: 1, limit: 5 }
])('it has the same bytes from the cache as from the database: %o', async range => {
  const { reading, room } = await start(300)
  const read = async () => {
    const part = await reading.part(room, range, 1)
    return { text: String(part.json('[', () => ']')), hasMore: part.hasMore, room: part.room }
  }
  const first = await read()
  expect(await read()).toEqual(first)
  expect(seqs(JSON.parse(first.text))).toEqual(
    upTo(
      range.after === undefined ? Math.max(1, (range.before ?? 301) - range.limit) : range.after + 1,
      Math.min((range.before ?? 301) - 1, range.after === undefined ? 300 : range.after + range.limit)
    )
  )
})

test('it returns entries that were added to a page after its JSON was cached', async () => {
  const { reading, room, list } = await start(10)
  for (const seq of [11, 12]) {
    await list({ limit: 5 })
    expect(seqs((await list({ limit: 5 })).items)).toEqual(upTo(seq - 5, seq - 1))
    const place = { id: seq, room: 'general', seq, user_id: 1, username: 'ann' }
    room.committed(makeEntry(message, place, { body: { content: 'schön 🌊' } }, 0), reading.pages.version)
  }
  expect((await list({ limit: 1 })).items).toMatchObject([{ seq: 12, content: 'schön 🌊' }])
})

test('it omits an entry that was deleted after the JSON of its page was cached', async () => {
  const deleted = new Set<number>()
  const { reading, list } = await start(100, { isDeleted: seq => deleted.has(seq) })
  await list({ limit: 100 })
  await list({ limit: 100 })
  deleted.add(50)
  reading.pages.invalidate(1, 50, 50)
  expect(seqs((await list({ limit: 100 })).items)).toEqual([...upTo(1, 49), ...upTo(51, 100)])
  expect(seqs((await list({ before: 52, limit: 3 })).items)).toEqual([49, 51])
})

test('a list of messages has no entries of other kinds, and on request no messages that cannot be shown', async () => {
  const { reading, room, list } = await start(2)
  await list({ limit: 5 })
  const place = { room: 'general', user_id: 1, username: 'ann' }
  const erased = { body: { content: null }, unavailable: 'erased' } as const
  room.committed(makeEntry(message, { ...place, id: 3, seq: 3 }, erased, 0), reading.pages.version)
  room.committed(makeEntry(erasure, { ...place, id: 4, seq: 4 }, { body: { content: null } }, 0), reading.pages.version)
  const textOf = async (options: { omitUnavailable?: boolean }) =>
    JSON.parse(String((await reading.part(room, { limit: 5 }, 1)).json('[', () => ']', options)))
  expect(seqs(await textOf({}))).toEqual([1, 2, 3])
  expect(seqs(await textOf({ omitUnavailable: true }))).toEqual([1, 2])
  expect((await list({ after: 2, limit: 5 })).items).toMatchObject([{ seq: 3 }, { seq: 4, type: 'erasure' }])
})

test('a long part ends when its reader is not a member anymore, before the next batch is sent', async () => {
  const { reading, room } = await start(1000, { length: 2000 })
  let checks = 0
  const ensureMember = async (): Promise<void> => {
    if (++checks === 3) throw new Error('no member')
  }
  const body = (await reading.part(room, { limit: 1000 }, 1, ensureMember)).json('[', () => ']')
  const pieces: Buffer[] = []
  const read = async (): Promise<void> => {
    for await (const piece of body) pieces.push(Buffer.from(piece))
  }
  await expect(read()).rejects.toThrow('no member')
  const sent = Buffer.concat(pieces).toString()
  const last = Number(
    sent
      .match(/"seq":(\d+)/g)
      ?.at(-1)
      ?.slice(6)
  )
  expect(checks).toBe(3)
  expect(last).toBeGreaterThan(50)
  expect(last).toBeLessThan(900)
  expect(sent).not.toMatch(/\]$/)
})

/** Returns the entries of a list and what it reports about further entries, from a log whose entries are all known. */
const expectedOf = (all: readonly number[], isListed: (seq: number) => boolean, range: Range) => {
  const { before = Number.POSITIVE_INFINITY, after = 0, around, limit, messagesOnly } = range
  const isForward = range.after !== undefined && around === undefined
  const listed = all.filter(seq => seq > after && seq < before && (isForward && !messagesOnly ? true : isListed(seq)))
  if (around !== undefined) {
    const half = Math.floor(limit / 2)
    const older = listed.filter(seq => seq < around)
    const newer = listed.filter(seq => seq >= around)
    const found = [...(half > 0 ? older.slice(-half) : []), ...newer.slice(0, limit - half)]
    // If the list is empty, the response does not report older messages.
    const hasMore = found.length > 0 && older.length > half
    return { found, hasMore, hasNewer: newer.length > limit - half }
  }
  const found = isForward ? listed.slice(0, limit) : listed.slice(-limit)
  return { found, hasMore: listed.length > limit, hasNewer: undefined }
}

test('a list of existing entries is the same, regardless of which pages are cached', async () => {
  const kind = fc.constantFrom('message', 'message', 'message', 'notice', 'other', 'deleted')
  const position = fc.integer({ min: 1, max: 420 })
  const optional = fc.option(position, { nil: undefined })
  const range = fc.record({
    before: optional,
    after: optional,
    around: optional,
    limit: fc.integer({ min: 1, max: 120 }),
    messagesOnly: fc.boolean(),
    withNotices: fc.boolean()
  })
  const seed = fc.array(kind, { minLength: 150, maxLength: 400 })
  await fc.assert(
    fc.asyncProperty(
      seed,
      fc.array(fc.tuple(range, optional), { minLength: 1, maxLength: 12 }),
      async (kinds, reads) => {
        const kindOf = (seq: number) => (seq === 1 ? 'other' : kinds[seq - 1])
        const { reading, room, list } = await start(kinds.length, {
          isOther: seq => kindOf(seq) === 'notice' || kindOf(seq) === 'other',
          isNotice: seq => kindOf(seq) === 'notice',
          isDeleted: seq => kindOf(seq) === 'deleted'
        })
        const existing = upTo(1, kinds.length).filter(seq => kindOf(seq) !== 'deleted')
        for (let at = 1; at <= kinds.length; at += 64) await reading.pages.past(room.id, at, kinds.length)
        for (const [{ before, around, ...read }, dropped] of reads) {
          // The positions of deleted entries count towards the limit of a list of all entries.
          const after = read.messagesOnly ? read.after : undefined
          const wanted = { ...read, before, after, around }
          const isListed = (seq: number) => kindOf(seq) === 'message' || (read.withNotices && kindOf(seq) === 'notice')
          const part = await reading.part(room, wanted, 1)
          const { found, hasMore, hasNewer } = expectedOf(existing, isListed, wanted)
          expect(seqs((await list(wanted)).items), JSON.stringify(wanted)).toEqual(found)
          expect([part.hasMore, part.hasNewer], JSON.stringify(wanted)).toEqual([hasMore, hasNewer])
          if (dropped !== undefined) reading.pages.invalidate(room.id, dropped, dropped)
        }
      }
    )
  )
})
