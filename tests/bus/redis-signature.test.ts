/** Tests which messages of Redis are accepted. */
import { expect, test } from 'vitest'
import { createSignature } from '../../src/bus/redis/signature.ts'
import { generateKey } from '../../src/crypto/fernet.ts'
import { createKeyring } from '../../src/crypto/keyring.ts'

const [first, second] = [generateKey(), generateKey()]
const keysOf = (current: string, ...previous: string[]) =>
  createKeyring({ current, previous, now: Date.now }).derive('bus')
const signatureOf = (keys = keysOf(first), channel = 'chat:a') => createSignature({ keys, channel, now: () => 1234.5 })
const payload = '{"from":"p","n":1,"grown":[[1,2]]}'

test('it verifies its own message, and returns the payload and the time', () => {
  const signature = signatureOf()
  expect(signature.verify(signature.sign(payload))).toEqual({ payload, at: 1235 })
})

test('it verifies messages under every configured key, and signs with the current one', () => {
  const rotated = signatureOf(keysOf(second, first))
  expect(rotated.verify(signatureOf().sign(payload))?.payload).toBe(payload)
  expect(signatureOf().verify(rotated.sign(payload))).toBeUndefined()
  expect(signatureOf(keysOf(first, second)).verify(rotated.sign(payload))?.payload).toBe(payload)
})

test('it rejects a message of another channel, a changed message and a message without a signature', () => {
  const signature = signatureOf()
  const message = signature.sign(payload)
  const mac = message.split(' ', 1)[0] ?? ''
  for (const bad of [
    signatureOf(keysOf(first), 'other:a').sign(payload),
    message.replace('[1,2]', '[1,3]'),
    message.replace(' 1235 ', ' 1236 '),
    `${'A'.repeat(43)}${message.slice(mac.length)}`,
    message.slice(1),
    payload,
    '',
    `${mac} ${'9'.repeat(20_000)}`
  ])
    expect(signature.verify(bad), bad.slice(0, 80)).toBeUndefined()
})

test('it derives the same key each time, and other keys for other purposes', () => {
  const keyring = createKeyring({ current: first, now: Date.now })
  const [bus] = keyring.derive('bus')
  expect(keyring.derive('bus')[0]?.equals(bus as never)).toBe(true)
  expect(keyring.derive('other')[0]?.equals(bus as never)).toBe(false)
})
