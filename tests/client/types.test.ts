/** The SDK's types of the wire are generated, so that its package needs neither the service nor TypeBox. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { CLIENT_TYPES, clientTypes } from '../../tools/client-types.ts'

test('it has the types of the current schemas; if this fails, run `npm run client:types`', () => {
  expect(readFileSync(CLIENT_TYPES, 'utf8')).toBe(clientTypes())
})
