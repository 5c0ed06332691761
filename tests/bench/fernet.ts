/** Compares the speed of the service's Fernet implementation with the speed of the npm package `fernet`. */
import { createRequire } from 'node:module'
import { decrypt, encrypt, generateKey, parseKey } from '../../src/crypto/fernet.ts'
import { type Effort, interleave, type Row, seconds } from './rows.ts'

const TIMES = 1000
const text = 'x'.repeat(300)

export const fernet = async ({ rounds }: Effort): Promise<Row[]> => {
  const secretText = generateKey()
  const key = parseKey(secretText)
  const peer = createRequire(import.meta.url)('fernet')
  const secret = new peer.Secret(secretText)
  const perSecond = (work: () => string | undefined) => async () => {
    const took = await seconds(() => {
      for (let at = 0; at < TIMES; at++) if (work() !== text) throw new Error('A Fernet token was not decrypted.')
    })
    return TIMES / took
  }
  return [
    {
      title: 'Fernet: 300 characters encrypted and decrypted',
      unit: 'times/s',
      runs: await interleave(rounds, {
        'the fernet package': perSecond(() =>
          new peer.Token({ secret, ttl: 0, token: new peer.Token({ secret, ttl: 0 }).encode(text) }).decode()
        ),
        'src/crypto/fernet.ts': perSecond(() => decrypt(key, encrypt(key, text, { now: Date.now() })))
      })
    }
  ]
}
