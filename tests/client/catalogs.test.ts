/** Tests that the SDK's copies of the service's catalogs are complete. */
import { expect, test } from 'vitest'
import { closeActionOf, FRAME_TOO_BIG } from '../../client/src/close-action.ts'
import { TEMPORARY_ERRORS } from '../../client/src/errors.ts'
import { CLOSE } from '../../src/protocol/close-codes.ts'
import { ERRORS } from '../../src/protocol/errors.ts'

test('handles every close code as the catalog advises', () => {
  const actions = Object.fromEntries(Object.entries(CLOSE).map(([name, { code }]) => [name, closeActionOf(code).type]))
  expect(actions).toEqual({
    malformedFrame: 'reconnect',
    invalidText: 'reconnect',
    tooManyFragments: 'reconnect',
    frameTooBig: 'reconnect',
    internalError: 'reconnect',
    restart: 'reconnect',
    tryLater: 'reconnect',
    tooSlow: 'reconnect',
    tooManyConnections: 'reconnect',
    flooding: 'reconnect',
    protocolError: 'stop',
    tokenExpired: 'renew',
    notAllowed: 'stop'
  })
  expect(FRAME_TOO_BIG).toBe(CLOSE.frameTooBig.code)
})

test('repeats a frame for exactly the errors that the catalog calls temporary', () => {
  const temporary = Object.entries(ERRORS).filter(([, { advice }]) =>
    /Try again in a moment|Wait for the number of seconds/.test(advice)
  )
  expect(temporary.map(([code]) => code).sort()).toEqual([...TEMPORARY_ERRORS].sort())
})
