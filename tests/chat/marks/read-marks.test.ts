/** Tests when read marks are written and sent, with a fake clock. */
import { describe, expect, test } from 'vitest'
import { createMemoryBus } from '../../../src/bus/drivers/memory.ts'
import type { BusEvent } from '../../../src/bus/events.ts'
import { createReadMarks } from '../../../src/chat/marks/read-marks.ts'
import type { Room } from '../../../src/chat/rooms/room.ts'
import type { ReadChange, ReadMark } from '../../../src/db/database.ts'
import { fakeClock } from '../../support/clock.ts'
import { silentLog } from '../../support/memory-chat.ts'
import { testSubscriber } from '../../support/subscriber.ts'

const start = ({ isLocked = false, mayShare = true } = {}) => {
  const clock = fakeClock()
  const written: ReadChange[][] = []
  const published: BusEvent[] = []
  const sent: { to: number; frame: { reads: { user_id: number; read_seq: number }[] } }[] = []
  const state = { isLocked, isFailing: false, hasEffect: true }
  const subscriber = (userId: number, showsReads = true) =>
    testSubscriber({
      userId,
      showsReads,
      hint: ({ frame, head }) => sent.push({ to: userId, frame: JSON.parse(frame.subarray(head).toString()) })
    })
  const room = { id: 7, name: 'team', subscribers: new Set([subscriber(1), subscriber(2), subscriber(3, false)]) }
  const marks = createReadMarks({
    repository: {
      async write(changes) {
        if (state.isFailing) throw new Error('down')
        written.push([...changes])
        return changes.map(
          ({ userId, room: name, upTo, isUnread }): ReadMark => ({
            userId,
            room: name,
            roomId: 7,
            readSeq: upTo,
            isUnread,
            isChanged: !state.isLocked && state.hasEffect,
            isMoved: !isUnread && state.hasEffect,
            mayShare,
            isLocked: state.isLocked
          })
        )
      }
    },
    rooms: { byId: () => room as unknown as Room },
    bus: { ...createMemoryBus(), publish: event => published.push(event) > 0 },
    clock,
    log: silentLog,
    hasReadReceipts: true
  })
  const add = (userId: number, upTo: number, more: Partial<ReadChange> = {}) =>
    marks.add({ userId, room: 'team', upTo, isUnread: false, ...more })
  const advance = async (ms: number) => {
    clock.advance(ms)
    await new Promise(setImmediate)
  }
  return { marks, add, advance, written, published, sent, state }
}

describe('createReadMarks', () => {
  test('writes the last of many changes once in two seconds, and never moves a mark back', async () => {
    const { add, advance, written } = start()
    for (const upTo of [1, 5, 3]) add(1, upTo)
    add(2, 4, { isUnread: true })
    await advance(1900)
    expect(written).toEqual([])
    await advance(100)
    expect(written).toMatchObject([
      [
        { userId: 1, upTo: 5 },
        { userId: 2, upTo: 4, isUnread: true }
      ]
    ])
    await advance(10_000)
    expect(written).toHaveLength(1)
  })

  test('keeps only the later mark if the epoch has changed', async () => {
    const { add, advance, written } = start()
    add(1, 50, { epoch: 'a' })
    add(1, 2, { epoch: 'b' })
    add(1, 1)
    await advance(2000)
    expect(written).toMatchObject([[{ upTo: 2, epoch: 'b' }]])
  })

  test('sends at most one frame per second, with the marks of both processes, only to those who show marks', async () => {
    const { marks, add, advance, sent, published } = start()
    add(1, 5)
    await advance(2000)
    marks.events.read({ kind: 'read', room: 7, reads: [[2, 8]], is_shared: true }, 'p')
    marks.events.read({ kind: 'read', room: 7, reads: [[2, 6]], is_shared: true }, 'p')
    expect(sent).toEqual([])
    await advance(1000)
    const reads = [
      { user_id: 1, read_seq: 5 },
      { user_id: 2, read_seq: 8 }
    ]
    const frame = { type: 'read', room: 'team', reads }
    expect(sent).toEqual([
      { to: 1, frame },
      { to: 2, frame }
    ])
    expect(published).toEqual([{ kind: 'read', room: 7, reads: [[1, 5]], is_shared: true }])
    await advance(5000)
    expect(sent).toHaveLength(2)
  })

  test('sends marks of a large room only to the connections of the same user', async () => {
    const { add, advance, sent } = start({ mayShare: false })
    add(1, 5)
    await advance(2000)
    await advance(1000)
    expect(sent).toMatchObject([{ to: 1, frame: { reads: [{ user_id: 1, read_seq: 5 }] } }])
  })

  test('sends the mark to the connections of the user if a change replaced another one before it was written', async () => {
    const { marks, add, advance, sent, state } = start()
    state.hasEffect = false
    // One device marks the room as read. Before this change is written, another device marks the room as unread. The write does
    // not change the database (`hasEffect` is false), but the first device must receive the current mark.
    add(1, 5)
    await marks.write({ userId: 1, room: 'team', upTo: 0, isUnread: true })
    await advance(1000)
    expect(sent).toMatchObject([{ to: 1, frame: { reads: [{ user_id: 1 }] } }])
    add(1, 5)
    await advance(3000)
    expect(sent).toHaveLength(1)
  })

  test('writes a change again if the member was locked, or if the database failed', async () => {
    const { marks, add, advance, written, state } = start({ isLocked: true })
    add(1, 5)
    await advance(2000)
    Object.assign(state, { isLocked: false, isFailing: true })
    await advance(2000)
    add(1, 6)
    state.isFailing = false
    await marks.close()
    expect(written.map(([change]) => change?.upTo)).toEqual([5, 6])
  })

  test('keeps the earlier change of a mark that is written at once, if it cannot be written', async () => {
    const { marks, add, advance, written, state } = start()
    const now = { userId: 1, room: 'team', upTo: 9, isUnread: false }
    add(1, 5)
    state.isFailing = true
    await expect(marks.write(now)).rejects.toThrow('down')
    Object.assign(state, { isFailing: false, isLocked: true })
    await expect(marks.write(now)).rejects.toThrow('Another request')
    written.length = 0
    state.isLocked = false
    await advance(2000)
    expect(written).toEqual([[expect.objectContaining({ upTo: 5 })]])
  })
})
