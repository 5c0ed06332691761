/** Tests the limit of wrong codes against a database that is replaced by functions. */
import { expect, test } from 'vitest'
import type { AccountsContext } from '../../../src/accounts/context.ts'
import { createCodes } from '../../../src/accounts/two-factor/codes.ts'
import { ChatError } from '../../../src/protocol/errors.ts'

const CODE = '7Q3K-9XJH-M2TD-0WPA'

/** Creates the check of codes for a user. Returns it, and the number of codes that count as wrong. */
const start = ({ isKnown = true, isActive = true } = {}) => {
  const counted = { codes: 0 }
  const repositories = {
    users: { lockActive: async () => isActive },
    recoveryCodes: { use: async () => isKnown },
    factors: { summary: async () => ({ recoveryCodes: 9 }) },
    audit: { record: async () => {} }
  }
  const database = {
    ...repositories,
    factors: {
      countCode: async () => {
        counted.codes++
        return 0
      },
      uncountCode: async () => void counted.codes--
    },
    transaction: (work: (given: typeof repositories) => Promise<unknown>) => work(repositories)
  }
  const context = { database, mail: { enqueue: async () => {} }, clock: { now: () => 0 } } as unknown as AccountsContext
  const codes = createCodes(context)
  const user = { id: 1, username: 'john' }
  const actor = { user, client: { address: '127.0.0.1' } } as unknown as Parameters<typeof codes.accept>[0]
  return { counted, accept: (also?: () => Promise<void>) => codes.accept(actor, CODE, also) }
}

test('a wrong code is counted, and a right code is not', async () => {
  const wrong = start({ isKnown: false })
  await expect(wrong.accept()).rejects.toMatchObject({ code: 'invalid_code' })
  expect(wrong.counted.codes).toBe(1)
  const right = start()
  await right.accept()
  expect(right.counted.codes).toBe(0)
})

test('a right code is not counted if the change for which it was entered fails', async () => {
  const { counted, accept } = start()
  const failing = async () => {
    throw new ChatError('invalid_challenge', 'The login has ended. Log in again.')
  }
  await expect(accept(failing)).rejects.toMatchObject({ code: 'invalid_challenge' })
  expect(counted.codes).toBe(0)
})

test('a code that was not checked, because the session has ended meanwhile, is counted', async () => {
  const { counted, accept } = start({ isActive: false })
  await expect(accept()).rejects.toMatchObject({ code: 'invalid_token' })
  expect(counted.codes).toBe(1)
})
