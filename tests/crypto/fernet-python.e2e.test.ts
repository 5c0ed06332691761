/**
 * Tests that the service decrypts Fernet tokens of Python's `cryptography`, and that `cryptography` decrypts tokens of the
 * service.
 */
import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { decrypt, encrypt, parseKey } from '../../src/crypto/fernet.ts'
import { findPython } from '../support/programs.ts'
import { isAvailable } from '../support/requirements.ts'

const SECRET = 'cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4='
const key = parseKey(SECRET)
const SAMPLES = ['', 'Hello, world!', 'Grüße 😀 日本語', 'x'.repeat(4000), '\u0000\n\t']

const python = findPython('cryptography.fernet')

test.runIf(isAvailable('python: cryptography'))(
  'exchanges tokens with Python’s cryptography in both directions',
  () => {
    const program = `
import json, sys
from cryptography.fernet import Fernet
given = json.load(sys.stdin)
key = Fernet(given["key"])
json.dump({
  "decrypted": [key.decrypt(token.encode()).decode() for token in given["tokens"]],
  "encrypted": [key.encrypt(text.encode()).decode() for text in given["texts"]],
}, sys.stdout)`
    const tokens = SAMPLES.map(text => encrypt(key, text, { now: Date.now() }))
    const input = JSON.stringify({ key: SECRET, texts: SAMPLES, tokens })
    const response = JSON.parse(execFileSync(python ?? '', ['-c', program], { input, encoding: 'utf8' }))
    expect(response.decrypted).toEqual(SAMPLES)
    expect(response.encrypted.map((token: string) => decrypt(key, token))).toEqual(SAMPLES)
  }
)
