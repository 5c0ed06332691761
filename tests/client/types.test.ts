/**
 * Tests that the generated types of the protocol are current. Because of these types, the SDK depends neither on the service
 * nor on TypeBox.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { CLIENT_TYPES, clientTypes } from '../../tools/client-types.ts'

test('has the types of the current schemas; if this fails, run `npm run client:types`', () => {
  expect(readFileSync(CLIENT_TYPES, 'utf8')).toBe(clientTypes())
})
