/**
 * Tests rows of the log that an operator or retention has deleted. The service must report the gap to every client that reads
 * past it.
 */
import { describe, expect, test } from 'vitest'
import { fakeClock } from '../support/clock.ts'
import type { Frame, SocketClient } from '../support/socket-client.ts'
import { startChat } from '../support/start-chat.ts'

const upTo = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at)
const seqs = (frames: Frame[]) => frames.map(({ seq }) => seq)

/**
 * Starts a process, and sends `count` messages to it. Deletes the stored messages that match `deleted`, and then starts a second
 * process. `reader` is connected to the second process.
 */
const start = async (count: number, deleted: string, { oldest = 1 } = {}) => {
  const first = await startChat({ settings: { messageRateLimit: 0 } })
  const { database } = first
  const { schema, client } = database
  const john = await first.register('john')
  const writer = await first.join(john)
  const say = async (many: number) => {
    for (let at = 0; at < many; at++) writer.send({ type: 'message', content: 'x', ref: String(at) })
    for (let at = 0; at < many; at++) await writer.nextOf('ack')
  }
  const remove = (where: string) => client.query(`delete from "${schema}".messages where ${where}`)
  const setOldest = (seq: number) => client.query(`update "${schema}".rooms set oldest_seq = $1`, [seq])
  await say(count)
  await remove(deleted)
  await setOldest(oldest)
  const clock = fakeClock(Date.now())
  const second = await startChat({ database, clock })
  const reader = await second.join(john, {}, '?rooms=')
  const list = async (query: string) =>
    (await second.call('GET', `/api/chat/rooms/general/messages?${query}`, { token: john.token })).body
  return { first, second, john, say, remove, setOldest, clock, reader, list }
}

/** Returns the `seq` of the messages that a client receives before `resync`, and the `resync` frame. */
const untilResync = async (client: SocketClient) => {
  const seen: Frame[] = []
  for (;;) {
    const frame = await client.next()
    if (frame.type === 'resync') return { seen: seqs(seen), resync: frame }
    if (frame.type === 'message') seen.push(frame)
  }
}

describe('catching up', () => {
  test.for([
    ['the first of them', 'seq between 11 and 15', 10],
    ['some in the middle', 'seq between 21 and 25', 20],
    ['the rest of a page', 'seq between 50 and 64', 49],
    ['more than a page', 'seq between 50 and 150', 49],
    ['a single one', 'seq = 100', 99],
    ['all of them', 'seq > 10', 10]
  ] as const)(
    'over rows of which %s were deleted sends resync expired, and continues live',
    async ([, deleted, last]) => {
      const { reader, say, clock } = await start(200, deleted)
      reader.send({ type: 'subscribe', room: 'general', after: 10 })
      const { seen, resync } = await untilResync(reader)
      expect(seen).toEqual(last < 11 ? [] : upTo(11, last))
      expect(resync).toMatchObject({ reason: 'expired', seq: 200 })
      await say(1)
      // The embedded database sends no notifications, so the second process finds the message at its next poll, after 5 s.
      clock.advance(5000)
      expect(await reader.nextOf('message')).toMatchObject({ seq: 201 })
    }
  )

  test('sends resync expired for entries below the oldest one, even if they are in the page cache', async () => {
    const { second, john, reader, clock, setOldest, remove, list } = await start(100, 'seq < 0')
    expect((await list('limit=100')).messages).toHaveLength(100)
    await setOldest(51)
    await remove('seq < 51')
    clock.advance(5000)
    await expect.poll(async () => (await list('limit=1')).oldest).toBe(51)
    reader.send({ type: 'subscribe', room: 'general', after: 20 })
    expect(await reader.nextOf('resync')).toMatchObject({ reason: 'expired', oldest: 51, seq: 100 })
    reader.send({ type: 'subscribe', room: 'general', after: 50 })
    expect((await reader.nextOf('message')).seq).toBe(51)
    const { body } = await second.call('GET', '/api/chat/messages?limit=1000', { token: john.token })
    expect(seqs(body)).toEqual(upTo(51, 100))
  })
})

describe('a process that finds a gap in the entries of another process', () => {
  test('sends a resync to live subscribers, and continues after it', async () => {
    const { first, john, say, remove, setOldest } = await start(1, 'seq < 0')
    const clock = fakeClock(Date.now())
    // A process on a separate bus receives no announcements. It finds the entries of other processes by polling every 5 s.
    const { createMemoryBus } = await import('../../src/bus/drivers/memory.ts')
    const isolated = await startChat({ database: first.database, clock, bus: createMemoryBus() })
    const reader = await isolated.join(john)
    await say(9)
    await remove('seq between 2 and 7')
    clock.advance(5000)
    const { seen, resync } = await untilResync(reader)
    expect(seen).toEqual([])
    expect(resync).toMatchObject({ reason: 'expired', seq: 7 })
    expect([(await reader.nextOf('message')).seq, (await reader.nextOf('message')).seq]).toEqual([8, 9])
    await say(5)
    await setOldest(16)
    await remove('seq > 9')
    clock.advance(5000)
    expect((await untilResync(reader)).resync).toMatchObject({ reason: 'expired', oldest: 16, seq: 15 })
    await say(1)
    clock.advance(5000)
    expect((await reader.nextOf('message')).seq).toBe(16)
  })
})

describe('lists over HTTP', () => {
  const page = async (list: (query: string) => Promise<Frame>, next: (page: Frame) => string, query: string) => {
    const pages: Frame[] = []
    for (let nextQuery: string | undefined = query; nextQuery !== undefined; ) {
      const response = await list(nextQuery)
      pages.push(response)
      expect(pages.length).toBeLessThan(20)
      if (response.has_more) expect(response.messages.length).toBeGreaterThan(0)
      nextQuery = response.has_more ? next(response) : undefined
    }
    return pages.flatMap(({ messages }) => seqs(messages))
  }

  test.for([
    ['at the end', 'seq > 150', upTo(1, 150)],
    ['at the start', 'seq < 150', upTo(150, 200)],
    ['in the middle', 'seq between 30 and 170', [...upTo(1, 29), ...upTo(171, 200)]],
    ['everywhere', 'true', []]
  ] as const)('return all remaining messages when rows are missing %s', async ([, deleted, left]) => {
    const { list } = await start(200, deleted)
    const forward = await page(list, ({ messages }) => `after=${messages.at(-1).seq}&limit=20`, 'after=0&limit=20')
    expect(forward).toEqual(left)
    const back = await page(list, ({ messages }) => `before=${messages[0].seq}&limit=20`, 'limit=20')
    expect(back.sort((a, b) => a - b)).toEqual(left)
  })
})
