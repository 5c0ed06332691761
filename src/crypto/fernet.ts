/**
 * Fernet (github.com/fernet/spec): AES-128-CBC with HMAC-SHA256 in a token of URL-safe base64, on node:crypto.
 * Ours, because the `fernet` package compares MACs in variable time and is some sixteen times slower; that package and
 * Python's `cryptography` are the oracles of the tests. See docs/security.md.
 */
import { createCipheriv, createDecipheriv, createHmac, randomBytes, randomFillSync, timingSafeEqual } from 'node:crypto'

const VERSION = 0x80
const HEADER_BYTES = 1 + 8 + 16
const BLOCK_BYTES = 16
const MAC_BYTES = 32
const MAX_CLOCK_SKEW_SECONDS = 60

/** A Fernet key in its two halves. */
export interface FernetKey {
  readonly signing: Buffer
  readonly encryption: Buffer
  /** The 32 bytes as they were given. */
  readonly bytes: Buffer
}

/** A new random key: 32 bytes as 44 characters of URL-safe base64. */
export const generateKey = (): string => toBase64(randomBytes(32))

/** Reads a key of 44 characters. Throws, without repeating it, when it is not one. */
export const parseKey = (text: string): FernetKey => {
  const bytes = fromBase64(text)
  if (bytes?.length !== 32) throw new Error('A Fernet key is 32 bytes in URL-safe base64 (44 characters).')
  return { bytes, signing: bytes.subarray(0, 16), encryption: bytes.subarray(16) }
}

// Random numbers cost by the call, so those of many tokens are drawn at once; each is used for one token.
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

/** What the spec's generate vectors fix; at random otherwise. */
export interface EncryptOptions {
  /** Milliseconds since the epoch; the token carries whole seconds. */
  readonly now: number
  readonly iv?: Uint8Array
}

/** Seals a text as a token. */
export const encrypt = (key: FernetKey, text: string, { now, iv }: EncryptOptions): string => {
  const plain = Buffer.from(text)
  const sealedBytes = plain.length + BLOCK_BYTES - (plain.length % BLOCK_BYTES)
  const token = Buffer.allocUnsafe(HEADER_BYTES + sealedBytes + MAC_BYTES)
  token[0] = VERSION
  token.writeBigUInt64BE(BigInt(Math.floor(now / 1000)), 1)
  token.set(iv ?? freshIv(), 9)
  const cipher = createCipheriv('aes-128-cbc', key.encryption, token.subarray(9, HEADER_BYTES))
  const head = cipher.update(plain)
  token.set(head, HEADER_BYTES)
  token.set(cipher.final(), HEADER_BYTES + head.length)
  const end = HEADER_BYTES + sealedBytes
  token.set(macOf(key, token.subarray(0, end)), end)
  return toBase64(token)
}

/** When a token is too old or too new. */
export interface DecryptOptions {
  /** The most seconds since sealing; without it, time is not looked at. */
  readonly ttlSeconds?: number
  /** Milliseconds since the epoch. */
  readonly now?: number
}

/** The text of a token; `undefined` for one that is malformed, sealed under another key, altered or out of its time. */
export const decrypt = (
  key: FernetKey,
  token: string,
  { ttlSeconds, now = Date.now() }: DecryptOptions = {}
): string | undefined => {
  const bytes = fromBase64(token)
  if (!bytes || bytes.length < HEADER_BYTES + BLOCK_BYTES + MAC_BYTES || bytes[0] !== VERSION) return undefined
  const end = bytes.length - MAC_BYTES
  if ((end - HEADER_BYTES) % BLOCK_BYTES !== 0) return undefined
  // Before anything is decrypted, and in constant time.
  if (!timingSafeEqual(macOf(key, bytes.subarray(0, end)), bytes.subarray(end))) return undefined
  if (ttlSeconds !== undefined && !isInTime(bytes, ttlSeconds, now / 1000)) return undefined
  return decipherBytes(key, bytes.subarray(9, HEADER_BYTES), bytes.subarray(HEADER_BYTES, end))
}

const isInTime = (bytes: Buffer, ttlSeconds: number, nowSeconds: number): boolean => {
  const sealedAt = Number(bytes.readBigUInt64BE(1))
  return sealedAt + ttlSeconds >= nowSeconds && sealedAt <= nowSeconds + MAX_CLOCK_SKEW_SECONDS
}

const decipherBytes = (key: FernetKey, iv: Buffer, sealed: Buffer): string | undefined => {
  try {
    const decipher = createDecipheriv('aes-128-cbc', key.encryption, iv)
    const plain = Buffer.concat([decipher.update(sealed), decipher.final()])
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(plain)
  } catch {
    // Padding that isn't PKCS #7, or bytes that are no UTF-8: from the right key, but not from a `seal`.
    return undefined
  }
}

const macOf = (key: FernetKey, bytes: Uint8Array): Buffer => createHmac('sha256', key.signing).update(bytes).digest()

const toBase64 = (bytes: Buffer): string => bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_')

const BASE64 = /^[\w-]*={0,2}$/

/** Strictly canonical URL-safe base64 with its padding; `undefined` for anything else (Node's own decoder forgives). */
const fromBase64 = (text: string): Buffer | undefined => {
  if (text.length % 4 !== 0 || !BASE64.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64url')
  return toBase64(bytes) === text ? bytes : undefined
}
