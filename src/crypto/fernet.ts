/**
 * Encrypts and decrypts Fernet tokens (github.com/fernet/spec): AES-128-CBC with HMAC-SHA256 in URL-safe base64, with node:crypto.
 * The `fernet` package is not used, because it compares MACs in variable time and is about sixteen times slower. The tests compare
 * this implementation with that package and with Python's `cryptography`. See docs/security.md.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, randomFillSync, timingSafeEqual } from 'node:crypto'

const VERSION = 0x80
const HEADER_BYTES = 1 + 8 + 16
const BLOCK_BYTES = 16
const MAC_BYTES = 32
const MAX_CLOCK_SKEW_SECONDS = 60

/** A Fernet key, split into its two halves. */
export interface FernetKey {
  readonly signing: Buffer
  readonly encryption: Buffer
  /** The whole key: 32 bytes. */
  readonly bytes: Buffer
}

/** Returns a new random key: 32 bytes as 44 characters of URL-safe base64. */
export const generateKey = (): string => toBase64(randomBytes(32))

/** Parses a key of 44 characters. Throws if it is invalid; the error does not contain the key. */
export const parseKey = (text: string): FernetKey => {
  const bytes = fromBase64(text)
  if (bytes?.length !== 32) throw new Error('A Fernet key is 32 bytes in URL-safe base64 (44 characters).')
  return { bytes, signing: bytes.subarray(0, 16), encryption: bytes.subarray(16) }
}

// Generating random bytes has a high cost per call, so one call generates the IVs of many tokens. Each IV is used once.
const IVS_PER_DRAW = 256
const ivs = Buffer.allocUnsafe(IVS_PER_DRAW * BLOCK_BYTES)
let ivsUsed = IVS_PER_DRAW

const freshIv = (): Buffer => {
  if (ivsUsed === IVS_PER_DRAW) {
    randomFillSync(ivs)
    ivsUsed = 0
  }
  return ivs.subarray(ivsUsed * BLOCK_BYTES, ++ivsUsed * BLOCK_BYTES)
}

/** The time of a token, and its IV for the test vectors of the specification. Without `iv`, a random IV is used. */
export interface EncryptOptions {
  /** The time of encryption in milliseconds since the epoch. The token contains it in whole seconds. */
  readonly now: number
  readonly iv?: Uint8Array
}

/** Encrypts a text as a Fernet token. */
export const encrypt = (key: FernetKey, text: string, { now, iv }: EncryptOptions): string => {
  const plain = Buffer.from(text)
  const cipherBytes = plain.length + BLOCK_BYTES - (plain.length % BLOCK_BYTES)
  const token = Buffer.allocUnsafe(HEADER_BYTES + cipherBytes + MAC_BYTES)
  token[0] = VERSION
  token.writeBigUInt64BE(BigInt(Math.floor(now / 1000)), 1)
  token.set(iv ?? freshIv(), 9)
  const cipher = createCipheriv('aes-128-cbc', key.encryption, token.subarray(9, HEADER_BYTES))
  const head = cipher.update(plain)
  token.set(head, HEADER_BYTES)
  token.set(cipher.final(), HEADER_BYTES + head.length)
  const end = HEADER_BYTES + cipherBytes
  token.set(macOf(key, token.subarray(0, end)), end)
  return toBase64(token)
}

/** The maximum age of a token, and the current time. */
export interface DecryptOptions {
  /** Maximum age in seconds. Without it, the age is not checked. */
  readonly ttlSeconds?: number
  /** The current time in milliseconds since the epoch. */
  readonly now?: number
}

/** Returns the plaintext of a token, or `undefined` if the token is malformed, altered, expired or encrypted with another key. */
export const decrypt = (
  key: FernetKey,
  token: string,
  { ttlSeconds, now = Date.now() }: DecryptOptions = {}
): string | undefined => {
  const bytes = fromBase64(token)
  if (!bytes || bytes.length < HEADER_BYTES + BLOCK_BYTES + MAC_BYTES || bytes[0] !== VERSION) return undefined
  const end = bytes.length - MAC_BYTES
  if ((end - HEADER_BYTES) % BLOCK_BYTES !== 0) return undefined
  // Authenticates before decrypting, in constant time.
  if (!timingSafeEqual(macOf(key, bytes.subarray(0, end)), bytes.subarray(end))) return undefined
  if (ttlSeconds !== undefined && !isInTime(bytes, ttlSeconds, now / 1000)) return undefined
  return decipherBytes(key, bytes.subarray(9, HEADER_BYTES), bytes.subarray(HEADER_BYTES, end))
}

const isInTime = (bytes: Buffer, ttlSeconds: number, nowSeconds: number): boolean => {
  const createdAt = Number(bytes.readBigUInt64BE(1))
  return createdAt + ttlSeconds >= nowSeconds && createdAt <= nowSeconds + MAX_CLOCK_SKEW_SECONDS
}

const decipherBytes = (key: FernetKey, iv: Buffer, ciphertext: Buffer): string | undefined => {
  try {
    const decipher = createDecipheriv('aes-128-cbc', key.encryption, iv)
    const plain = Buffer.concat([decipher.update(ciphertext), decipher.final()])
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(plain)
  } catch {
    // The MAC is valid, but the padding is not PKCS #7 or the plaintext is not UTF-8. `encrypt` creates no such token.
    return undefined
  }
}

const macOf = (key: FernetKey, bytes: Uint8Array): Buffer => createHmac('sha256', key.signing).update(bytes).digest()

const toBase64 = (bytes: Buffer): string => bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_')

const BASE64 = /^[\w-]*={0,2}$/

/**
 * Decodes URL-safe base64. Returns `undefined` unless the text is canonical and padded; Node's decoder would accept other forms
 * too.
 */
const fromBase64 = (text: string): Buffer | undefined => {
  if (text.length % 4 !== 0 || !BASE64.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64url')
  return toBase64(bytes) === text ? bytes : undefined
}
