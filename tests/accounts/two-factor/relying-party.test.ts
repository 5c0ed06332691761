import { expect, test } from 'vitest'
import { loadRelyingParty, passkeyHost } from '../../../src/accounts/two-factor/relying-party.ts'

test.for([
  ['https://chat.example.com', 'chat.example.com'],
  ['https://Chat.Example.com:8443/chat', 'chat.example.com'],
  ['http://localhost:8000', 'localhost'],
  ['http://chat.localhost:8000', 'chat.localhost'],
  ['http://chat.example.com', undefined],
  ['https://192.0.2.1', undefined],
  ['https://[2001:db8::1]', undefined],
  ['http://127.0.0.1:8000', undefined],
  [undefined, undefined]
] as const)('the host name for passkeys at %s is %s', ([publicUrl, host]) => {
  expect(passkeyHost(publicUrl)).toBe(host)
})

test('loads the package only if there is a host name', async () => {
  const load = async () => {
    throw new Error('loaded')
  }
  expect(await loadRelyingParty(undefined, load)).toBeUndefined()
  expect(await loadRelyingParty('https://192.0.2.1', load)).toBeUndefined()
  await expect(loadRelyingParty('https://chat.example.com', load)).rejects.toThrow(
    'PUBLIC_URL turns passkeys on, but their package is not installed. Run `npm install @simplewebauthn/server`, or set PASSKEYS to false.'
  )
  expect(await loadRelyingParty('https://chat.example.com:8443/chat')).toMatchObject({
    id: 'chat.example.com',
    origin: 'https://chat.example.com:8443'
  })
})
