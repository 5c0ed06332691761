/**
 * Creates a chat in memory, without a database or a network. By default, the chat has no rate limits and no connection limits.
 */
import type { Bus, BusListener } from '../../src/bus/bus.ts'
import { createMemoryBus } from '../../src/bus/drivers/memory.ts'
import { type ChatCore, createChatCore } from '../../src/chat/chat.ts'
import type { ChatLimits, ChatOptions, ChatStorage, HostFunctions } from '../../src/chat/options.ts'
import { createKeyring } from '../../src/crypto/keyring.ts'
import { fakeClock } from './clock.ts'
import { ENCRYPTION_KEY } from './settings.ts'

/** A log that discards every line. */
export const silentLog = { debug() {}, info() {}, warn() {}, error() {} }

/** The options of a test: the storage, and values that replace the defaults. */
export type MemoryChatOptions = Pick<ChatStorage, 'rooms' | 'messages'> &
  Partial<ChatStorage & ChatLimits & Omit<ChatOptions, 'storage' | 'limits' | 'host'>> &
  HostFunctions

/** Creates the chat. The caller has to start it. */
export const createMemoryChat = ({ clock = fakeClock(), ...options }: MemoryChatOptions): ChatCore => {
  const { messageRate = 0, connectionsPerUser = 0, connectionsPerIp = 0, maxMessageLength = 4000 } = options
  return createChatCore({
    keyring: createKeyring({ current: ENCRYPTION_KEY, now: clock.now }),
    bus: createMemoryBus(),
    clock,
    log: silentLog,
    authenticate: () => Promise.reject(new Error('This chat authenticates no user.')),
    ...options,
    storage: {
      faultOf: () => 'divide',
      reactions: { own: async () => new Map(), page: async () => [] },
      readMarks: { write: async () => [] },
      inbox: {
        ofUser: async () => [],
        ofMembers: async () => [],
        rooms: async () => [],
        heads: async () => [],
        digests: async () => [],
        roomsOf: async () => [],
        people: async () => [],
        hide: async () => false
      },
      members: {
        find: async () => undefined,
        search: async () => ({ members: [], upTo: null, mayShare: false }),
        isAdministrator: async () => false,
        strangers: async () => []
      },
      reports: {
        add: async () => ({ refused: 'not_allowed' }),
        mayReview: async () => false,
        ofRoom: async () => [],
        findInRoom: async () => undefined,
        resolve: async () => false
      },
      roomInvitations: {
        create: async () => ({ refused: 'not_allowed' }),
        list: async () => [],
        remove: async () => false,
        find: async () => undefined
      },
      ...options
    },
    limits: { messageRate, connectionsPerUser, connectionsPerIp, maxMessageLength, legacyLifetimeMs: DAY_MS },
    host: options
  })
}

const DAY_MS = 24 * 60 * 60 * 1000

/** Stops the chat in the same steps as the plugin. */
export const stopChat = async ({ stop }: ChatCore): Promise<void> => {
  stop.refuseWork()
  await stop.commitAccepted()
  stop.endBackgroundWork()
  await stop.closeConnections(new AbortController().signal)
  await stop.leaveBus()
}

/** Wraps a bus. `listener` returns the listener registered on the bus, so that a test can deliver events to the listener. */
export const observeBus = (bus: Bus = createMemoryBus()) => {
  let listener: BusListener | undefined
  const observed: Bus = {
    ...bus,
    listen(given) {
      listener = given
      return bus.listen(given)
    }
  }
  return { bus: observed, listener: () => listener }
}
