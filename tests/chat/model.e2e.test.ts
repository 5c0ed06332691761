/**
 * Tests two chats on one log with random sequences of actions: clients subscribe, send, resume, read slowly and disconnect, and
 * the bus loses announcements. Each client must receive every entry since the start of its subscription, once and in order.
 */
import { expect, test } from 'vitest'
import type { Bus } from '../../src/bus/bus.ts'
import { createMemoryBus, createMemoryNetwork } from '../../src/bus/drivers/memory.ts'
import type { ChatCore } from '../../src/chat/chat.ts'
import { fakeClock } from '../support/clock.ts'
import { FakeSocket, type Sent } from '../support/fake-socket.ts'
import { createMemoryChat, silentLog } from '../support/memory-chat.ts'
import { createMemoryLog } from '../support/memory-log.ts'
import fc, { SEED } from '../support/properties.ts'

const ROOMS = ['general', 'other'] as const
/** The content of a long message. Four such messages fill the queue of a connection. */
const LONG = 'x'.repeat(300_000)
/** Maximum number of long messages in a run. Most of the run's time is spent on long messages. */
const MAX_LONG = 24
const pause = async (turns: number): Promise<void> => {
  for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate)
}
/**
 * The number of turns of the event loop without a change after which all work is complete. Every operation on the log in memory
 * takes fewer turns.
 */
const QUIET_TURNS = 30

/** Waits until `measure` has returned the same value for `QUIET_TURNS` turns of the event loop. */
const quiet = async (measure: () => number): Promise<void> => {
  let last = measure()
  for (let turns = 0; turns < QUIET_TURNS; turns++) {
    await pause(1)
    const now = measure()
    if (now !== last) turns = 0
    last = now
  }
}

/** The position of a client in a room: the `seq` of the last received entry. The next entry must have `seq + 1`. */
interface View {
  seq: number | undefined
}

class Client {
  readonly views = new Map<string, View>()
  readonly acknowledged = new Map<string, { room: string; seq: number }>()
  readonly userId: number
  socket: FakeSocket | undefined
  #earlier = 0
  #read = 0

  constructor(userId: number) {
    this.userId = userId
  }

  connect(chat: ChatCore): void {
    this.socket?.kill()
    this.hear()
    this.#earlier += this.#read
    const socket = new FakeSocket()
    this.socket = socket
    this.#read = 0
    const principal = { userId: this.userId, username: `user-${this.userId}`, expiresAt: 4e12 }
    chat.connections.open({ socket, principal, hasChatV1: false, address: 'a', rooms: [], log: silentLog })
    for (const [room, { seq }] of this.views) if (seq !== undefined) this.subscribe(room, seq)
  }

  subscribe(room: string, after?: number): void {
    this.socket?.receive({ type: 'subscribe', room, ...(after === undefined ? {} : { after, ref: `${after}` }) })
  }

  /** The number of frames that the client has received on all its connections. */
  get delivered(): number {
    return this.#earlier + (this.socket?.frames.length ?? 0)
  }

  /** Checks that the frames since the last call continue the earlier frames without a gap or a repetition. */
  hear(): void {
    const frames = this.socket?.frames ?? []
    for (; this.#read < frames.length; this.#read++) this.#take(frames[this.#read] ?? {})
  }

  #take(frame: Sent): void {
    // A subscription starts at `after`, which the client also sends as `ref`. The `seq` of the frame `subscribed` may be higher,
    // because it is the `seq` of the newest entry in the room.
    if (frame.type === 'subscribed') {
      this.views.set(frame.room, { seq: frame.ref === undefined ? frame.seq : Number(frame.ref) })
    }
    if (frame.type === 'resync') throw new Error(`resync ${frame.reason}`)
    if (frame.type === 'ack') {
      const before = this.acknowledged.get(frame.nonce)
      if (before) expect(frame).toMatchObject(before)
      this.acknowledged.set(frame.nonce, { room: frame.room, seq: frame.seq })
    }
    if (frame.type !== 'message') return
    const view = this.views.get(frame.room)
    expect(view?.seq, `a message of ${frame.room} before it was subscribed`).toBeDefined()
    expect(frame.seq).toBe((view?.seq ?? 0) + 1)
    if (view) view.seq = frame.seq
  }
}

const start = async (loses: (what: 'announcement') => boolean) => {
  const clock = fakeClock()
  const log = createMemoryLog(ROOMS)
  const network = createMemoryNetwork()
  const lossy = (bus: Bus): Bus => ({
    ...bus,
    announce(roomId, seq) {
      if (!loses('announcement')) bus.announce(roomId, seq)
    }
  })
  const chats = [0, 1].map(() =>
    createMemoryChat({
      rooms: log.rooms,
      messages: log.messages,
      bus: lossy(createMemoryBus(network)),
      clock,
      maxMessageLength: 400_000
    })
  )
  await Promise.all(chats.map(chat => chat.start()))
  return { clock, log, chats: chats as [ChatCore, ChatCore] }
}

const who = fc.nat(3)
const room = fc.constantFrom(...ROOMS)
const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('connect' as const), who, to: fc.nat(1) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('subscribe' as const), who, room }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('start over' as const), who, room, back: fc.nat(20) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('send' as const),
      who,
      room,
      count: fc.integer({ min: 1, max: 8 }),
      isLong: fc.boolean()
    })
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('overrun' as const), who, by: who, room }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('send again' as const), who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('slow' as const), who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fast' as const), who }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('kill' as const), who }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('look' as const) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('pause' as const), turns: fc.nat(6) }) }
)

test(`each client receives every entry once and in order after any sequence of actions (PROPERTY_SEED=${SEED})`, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 10, maxLength: 60 }),
      fc.infiniteStream(fc.boolean()),
      async (steps, losses) => {
        const { clock, log, chats } = await start(() => losses.next().value ?? false)
        const clients = [1, 2, 3, 4].map(userId => new Client(userId))
        const sent: { client: Client; frame: object }[] = []
        let nonce = 0
        let long = 0

        /** Returns a number that grows with every delivered frame and every stored entry. */
        const events = (): number =>
          clients.reduce((sum, { delivered }) => sum + delivered, 0) + log.head(1) + log.head(2)

        const say = (client: Client, name: string, count: number, isLong: boolean): void => {
          for (let at = 0; at < count; at++) {
            const content = isLong && long++ < MAX_LONG ? LONG : `m${nonce}`
            const frame = { type: 'message', room: name, content, nonce: `n${nonce++}` }
            sent.push({ client, frame })
            client.socket?.receive(frame)
          }
        }

        const act = async (one: (typeof steps)[number]): Promise<void> => {
          if (one.kind === 'look') return clock.advance(5000)
          if (one.kind === 'pause') return pause(one.turns)
          const client = clients[one.who] as Client
          client.hear()
          if (one.kind === 'connect') client.connect(chats[one.to] as ChatCore)
          if (one.kind === 'subscribe') client.subscribe(one.room, client.views.get(one.room)?.seq)
          if (one.kind === 'start over') {
            const view = client.views.get(one.room)
            // Resumes at an earlier `seq`, so entries that the client has received are delivered again.
            if (!view || view.seq === undefined || client.socket?.readyState !== 1) return
            await pause(8)
            client.hear()
            view.seq = Math.max(0, (view.seq ?? 0) - one.back)
            client.connect(chats[0])
          }
          if (one.kind === 'send') say(client, one.room, one.count, one.isLong)
          if (one.kind === 'overrun') {
            // The client stops reading while `one.by`, which may be the same client, sends more than the queue holds. The client
            // reads again before the service closes the connection.
            client.socket?.slow()
            for (let batch = 0; batch < 4; batch++) {
              say(clients[one.by] as Client, one.room, 2, true)
              await pause(6)
            }
            client.socket?.fast()
            say(clients[one.by] as Client, one.room, 1, false)
            await pause(8)
          }
          if (one.kind === 'send again')
            for (const { client: of, frame } of sent) if (of === client) client.socket?.receive(frame)
          if (one.kind === 'slow') client.socket?.slow()
          if (one.kind === 'fast') client.socket?.fast()
          if (one.kind === 'kill') client.socket?.kill()
        }
        for (const [at, client] of clients.entries()) {
          client.connect(chats[at % 2] as ChatCore)
          client.subscribe('general')
        }
        await pause(8)
        for (const one of steps) await act(one)

        // Ends all faults: reconnects every client, and lets the processes poll the log.
        for (const [at, client] of clients.entries()) client.connect(chats[at % 2] as ChatCore)
        for (const { client, frame } of sent) client.socket?.receive(frame)
        for (let round = 0; round < 3; round++) {
          await quiet(events)
          await Promise.all(chats.map(chat => chat.log.idle()))
          clock.advance(5000)
        }
        await quiet(events)

        for (const client of clients) {
          client.hear()
          for (const [name, { seq }] of client.views) expect(seq).toBe(log.head(ROOMS.indexOf(name as 'general') + 1))
        }
        for (const { client, frame } of sent) {
          expect(client.acknowledged.has((frame as { nonce: string }).nonce)).toBe(true)
        }
        const stored = ROOMS.reduce((sum, _, at) => sum + log.head(at + 1), 0)
        expect(stored).toBe(sent.length)
      }
    ),
    { numRuns: 12 }
  )
}, 300_000)
