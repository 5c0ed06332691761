/** Creates subscribers for tests of rooms. */
import type { Subscriber } from '../../src/chat/rooms/delivery.ts'

/** Creates a subscriber that does nothing, except for the given methods. */
export const testSubscriber = (given: Partial<Subscriber> = {}): Subscriber => ({
  userId: 1,
  showsReads: false,
  deliver() {},
  hint() {},
  replace() {},
  broken() {},
  removed() {},
  interrupt() {},
  ...given
})
