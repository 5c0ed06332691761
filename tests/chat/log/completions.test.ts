/** Tests how many replied-to messages are read and decrypted at a time. */
import { expect, test } from 'vitest'
import { createCompletions } from '../../../src/chat/log/completions.ts'
import { makeUnknown } from '../../../src/chat/log/entry.ts'
import { createSlices } from '../../../src/chat/log/slices.ts'
import { createKeyring } from '../../../src/crypto/keyring.ts'
import { ENCRYPTION_KEY } from '../../support/settings.ts'

const COUNT = 300

test('the messages of 300 replies are read and decrypted in groups of 32', async () => {
  const keyring = createKeyring({ current: ENCRYPTION_KEY, now: () => 0 })
  const { token, keyId } = keyring.encrypt('x'.repeat(4000))
  const groups: number[] = []
  const turns: number[] = []
  let inTurn = 0
  const countTurn = (): void => {
    if (inTurn > 0) turns.push(inTurn)
    inTurn = 0
    counting = setImmediate(countTurn)
  }
  let counting = setImmediate(countTurn)
  const { replies } = createCompletions({
    async some(roomId, seqs) {
      groups.push(seqs.length)
      const stored = {
        roomId,
        kind: 'message',
        userId: 1,
        username: 'john',
        writeId: 'w',
        targetSeq: null,
        detail: null
      }
      return seqs.map(seq => ({ ...stored, id: seq, seq, createdAt: 0, content: token, meta: null, keyId }))
    },
    oneOfEach: async () => [],
    own: async () => new Map(),
    keyring: {
      ...keyring,
      decrypt(...given) {
        inTurn++
        return keyring.decrypt(...given)
      }
    },
    // The time of this clock does not pass, so that only the size of the groups limits the work of a turn.
    slices: createSlices({ clock: { monotonic: () => 0 } })
  })
  const place = { id: 1, room: 'general', user_id: 1, username: 'john' }
  const entries = Array.from({ length: COUNT }, (_, at) => ({
    ...makeUnknown('other', { ...place, seq: COUNT + at + 1 }, 0),
    replyTo: at + 1
  }))
  const found = await replies({ id: 1, oldest: 1 }, entries)
  await new Promise(setImmediate)
  clearImmediate(counting)
  expect([...(found?.keys() ?? [])]).toEqual(entries.map(({ seq }) => seq))
  expect(found?.get(COUNT + 300)?.toString()).toContain(`"seq":300,"user_id":1`)
  expect(groups).toEqual([...Array<number>(9).fill(32), 12])
  expect(turns.reduce((sum, count) => sum + count)).toBe(COUNT)
  expect(Math.max(...turns)).toBeLessThanOrEqual(32)
})
