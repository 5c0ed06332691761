/** The chat of one process with everything in memory: no database, no network and no limits. */
import type { Bus, BusListener } from '../../src/bus/bus.ts'
import { createMemoryBus } from '../../src/bus/drivers/memory.ts'
import { type ChatCore, type ChatOptions, createChatCore } from '../../src/chat/chat.ts'
import { createKeyring } from '../../src/crypto/keyring.ts'
import { fakeClock } from './clock.ts'
import { ENCRYPTION_KEY } from './settings.ts'

/** Drops every line. */
export const silentLog = { debug() {}, info() {}, warn() {}, error() {} }

/** Creates the chat over a log; what is given replaces what tests have by default. The caller starts it. */
export const createMemoryChat = (options: Partial<ChatOptions> & Pick<ChatOptions, 'rooms' | 'messages'>): ChatCore => {
  const { clock = fakeClock() } = options
  return createChatCore({
    keyring: createKeyring({ current: ENCRYPTION_KEY, now: clock.now }),
    bus: createMemoryBus(),
    clock,
    log: silentLog,
    authenticate: () => Promise.reject(new Error('not here')),
    existing: async ids => new Set(ids),
    faultOf: () => 'divide',
    messageRate: 0,
    connectionsPerUser: 0,
    connectionsPerIp: 0,
    maxMessageLength: 4000,
    ...options
  })
}

/** Wraps a bus; `listener` returns what listens on it, so that a test can call it as the bus does. */
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
