/** Tests that the official parser accepts the AsyncAPI document, and that the document contains every frame. */
import { Parser } from '@asyncapi/parser'
import { expect, test } from 'vitest'
import { createKinds } from '../../src/chat/kinds/index.ts'
import { buildAsyncApi } from '../../src/protocol/asyncapi.ts'

const { frames } = createKinds()

test('is parsed without diagnostics, and contains every frame with its direction', async () => {
  const { document, diagnostics } = await new Parser().parse(JSON.stringify(buildAsyncApi({ frames })))
  // Ignores the notice that a newer version of AsyncAPI exists.
  const faults = diagnostics.filter(({ code }) => code !== 'asyncapi-latest-version')
  expect(faults.map(({ code, message, path }) => `${code} ${path.join('.')}: ${message}`)).toEqual([])
  const namesOf = (action: 'send' | 'receive') =>
    document
      ?.operations()
      .all()
      .filter(operation => operation.action() === action)
      .flatMap(operation => operation.messages().all())
      .map(message => message.name())
  expect(namesOf('receive')).toEqual(Object.keys(frames.client))
  expect(namesOf('send')).toEqual(Object.keys(frames.service))
})

test('contains the address from publicUrl', () => {
  expect(buildAsyncApi({ frames, publicUrl: 'https://chat.example.com/support' })).toMatchObject({
    servers: { service: { host: 'chat.example.com', protocol: 'wss', pathname: '/support' } }
  })
})
