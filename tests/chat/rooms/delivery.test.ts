/** Tests that a removal ends the subscriptions of the removed user, and does not affect deliveries to other users. */
import { expect, test } from 'vitest'
import { Delivery } from '../../../src/chat/rooms/delivery.ts'
import { entryAt } from '../../support/entry.ts'
import { testSubscriber } from '../../support/subscriber.ts'

const start = () => {
  const seen: string[] = []
  const delivery = new Delivery(0, { monotonic: () => 0 })
  for (const userId of [1, 2]) {
    const subscriber = testSubscriber({
      userId,
      deliver: (_, head) => void seen.push(`${userId} received ${head}`),
      removed: () => void seen.push(`${userId} removed`)
    })
    delivery.subscribers.add(subscriber)
  }
  return { delivery, seen }
}

test('a removed user receives the pending entries and no later one', () => {
  const { delivery, seen } = start()
  delivery.add(entryAt(1))
  delivery.remove('removed', 2)
  expect(seen).toEqual(['1 received 1', '2 received 1', '2 removed'])
})

test('the removal of a user without subscriptions leaves the pending entries for the next delivery', async () => {
  const { delivery, seen } = start()
  delivery.add(entryAt(1))
  delivery.remove('removed', 3)
  expect(seen).toEqual([])
  delivery.add(entryAt(2))
  await Promise.resolve()
  expect(seen).toEqual(['1 received 2', '2 received 2'])
})
