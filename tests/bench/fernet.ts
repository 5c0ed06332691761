/** Our Fernet side by side with the `fernet` package, in one run: `npx tsx tests/bench/fernet.ts`. */
import { createRequire } from 'node:module'
import { generateKey, open, parseKey, seal } from '../../src/crypto/fernet.ts'
import { median, report, seconds } from './measure.ts'

const text = 'x'.repeat(300)
const TIMES = 1000
const secretText = generateKey()
const key = parseKey(secretText)
const fernet = createRequire(import.meta.url)('fernet')
const secret = new fernet.Secret(secretText)

const subjects = {
  'the fernet package': () =>
    new fernet.Token({ secret, ttl: 0, token: new fernet.Token({ secret, ttl: 0 }).encode(text) }).decode(),
  'src/crypto/fernet.ts': () => open(key, seal(key, text, { now: Date.now() }))
}

const results = new Map<string, number[]>()
for (let round = 0; round < 5; round++) {
  for (const [name, work] of Object.entries(subjects)) {
    const took = await seconds(() => {
      for (let at = 0; at < TIMES; at++) if (work() !== text) throw new Error('a token did not open')
    })
    results.set(name, [...(results.get(name) ?? []), TIMES / took])
  }
}
report('sealed and opened a second, 300 characters', new Map([...results].map(([name, all]) => [name, median(all)])))
