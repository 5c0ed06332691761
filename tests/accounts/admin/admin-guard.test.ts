import { expect, test } from 'vitest'
import { createAdminGuard } from '../../../src/accounts/admin/admin-guard.ts'

const NONE = { hasTotp: false, recoveryCodes: 0, passkeys: 0, allPasskeys: 0 }

const guardOf = ({ isFactorRequired = false, factors = NONE, all = 2, withoutFactor = 0 } = {}) =>
  createAdminGuard({
    administration: { countAdmins: async () => ({ all, withoutFactor }) },
    factors: { summary: async () => factors },
    isFactorRequired
  })

const ADMIN = { userId: 1, role: 'admin' } as const

test('rejects users who are not administrators', async () => {
  await expect(guardOf().check({ userId: 1, role: 'user' })).rejects.toMatchObject({ code: 'not_allowed' })
  await guardOf().check(ADMIN)
})

test('rejects administrators without a second factor only if one is required', async () => {
  const check = (factors: typeof NONE) => guardOf({ isFactorRequired: true, factors }).check(ADMIN)
  await expect(check(NONE)).rejects.toMatchObject({
    code: 'second_factor_missing',
    message: expect.stringContaining('authenticator app')
  })
  await expect(check({ ...NONE, recoveryCodes: 10 })).rejects.toMatchObject({ code: 'second_factor_missing' })
  await check({ ...NONE, hasTotp: true })
  await check({ ...NONE, allPasskeys: 1 })
  await guardOf({ factors: NONE }).check(ADMIN)
})

test('warns about administrators without a second factor', async () => {
  expect(await guardOf({ all: 3, withoutFactor: 0 }).warning()).toBeUndefined()
  expect(await guardOf({ all: 3, withoutFactor: 1 }).warning()).toBe(
    '1 of 3 administrators has no second factor, so a password is enough to administer the service. ' +
      'Ask them to add one, and set ADMIN_SECOND_FACTOR=true.'
  )
  expect(await guardOf({ all: 3, withoutFactor: 2, isFactorRequired: true }).warning()).toBe(
    '2 of 3 administrators have no second factor, so ADMIN_SECOND_FACTOR locks them out of the administration until they ' +
      'add one.'
  )
})
