/**
 * Encrypts and decrypts Fernet tokens (github.com/fernet/spec) with node:crypto. A token is an AES-128-CBC ciphertext with its
 * HMAC-SHA256, encoded in URL-safe base64. The `fernet` package is not used, because it compares MACs in variable time and is
 * more than ten times slower. The tests compare this implementation with that package and with Python's `cryptography`. See
 * docs/security.md.
 */
import { isUtf8 } from 'node:buffer'
import {
  type Cipher,
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type Decipher,
  type KeyObject,
  randomBytes,
  randomFillSync,
  timingSafeEqual
} from 'node:crypto'

const ALGORITHM = 'aes-128-cbc'
const VERSION = 0x80
const BLOCK_BYTES = 16
const IV_AT = 1 + 8
const HEADER_BYTES = IV_AT + BLOCK_BYTES
const MAC_BYTES = 32
const MAX_CLOCK_SKEW_SECONDS = 60

/** A Fernet key, with the cipher and the decipher that all tokens of the key share. */
export interface FernetKey {
  /** The whole key: 32 bytes. */
  readonly bytes: Buffer
  readonly signing: KeyObject
  readonly encryption: Buffer
  /**
   * Encrypts the blocks of all tokens as one stream, because it takes longer to create a cipher than to encrypt a message. For
   * each token, a random block is encrypted first, and its ciphertext is the IV of the token. So the IV is as unpredictable as
   * the random block.
   */
  readonly cipher: Cipher
  /**
   * Decrypts the blocks of all tokens as one stream. The first block of each token is the IV, and its decrypted form is
   * discarded.
   */
  readonly decipher: Decipher
}

/** Returns a new random key: 32 bytes as 44 characters of URL-safe base64. */
export const generateKey = (): string => toBase64(randomBytes(32))

/** Parses a key of 44 characters. Throws an error if the key is not valid. The error does not contain the key. */
export const parseKey = (text: string): FernetKey => {
  const bytes = fromBase64(text)
  if (bytes?.length !== 32)
    throw new Error('The key is not a Fernet key. Use 32 bytes in URL-safe base64 (44 characters).')
  const encryption = bytes.subarray(16)
  return {
    bytes,
    signing: createSecretKey(bytes.subarray(0, 16)),
    encryption,
    cipher: cipherOf(encryption, randomBytes(BLOCK_BYTES)),
    decipher: createDecipheriv(ALGORITHM, encryption, randomBytes(BLOCK_BYTES)).setAutoPadding(false)
  }
}

const cipherOf = (encryption: Buffer, iv: Uint8Array): Cipher =>
  createCipheriv(ALGORITHM, encryption, iv).setAutoPadding(false)

// Each call for random bytes is expensive, so one call generates the blocks of many tokens. Each block is used only once.
const BLOCKS_PER_CALL = 256
const blocks = Buffer.allocUnsafe(BLOCKS_PER_CALL * BLOCK_BYTES)
let blocksUsed = BLOCKS_PER_CALL

const randomBlock = (): Buffer => {
  if (blocksUsed === BLOCKS_PER_CALL) {
    randomFillSync(blocks)
    blocksUsed = 0
  }
  return blocks.subarray(blocksUsed * BLOCK_BYTES, ++blocksUsed * BLOCK_BYTES)
}

/**
 * The time of encryption and the IV of a token. Only the tests set `iv`, for the test vectors of the specification. Without
 * `iv`, a random IV is used.
 */
export interface EncryptOptions {
  /** The time of encryption in milliseconds since the epoch. The token contains it in whole seconds. */
  readonly now: number
  readonly iv?: Uint8Array
}

/** Encrypts a text as a Fernet token. */
export const encrypt = (key: FernetKey, text: string, { now, iv }: EncryptOptions): string => {
  const plainBytes = Buffer.byteLength(text)
  const padding = BLOCK_BYTES - (plainBytes % BLOCK_BYTES)
  const end = HEADER_BYTES + plainBytes + padding
  const token = Buffer.allocUnsafe(end + MAC_BYTES)
  token[0] = VERSION
  token.writeBigUInt64BE(BigInt(Math.floor(now / 1000)), 1)
  token.set(iv ?? randomBlock(), IV_AT)
  token.write(text, HEADER_BYTES)
  token.fill(padding, end - padding, end)
  if (iv) token.set(cipherOf(key.encryption, iv).update(token.subarray(HEADER_BYTES, end)), HEADER_BYTES)
  else token.set(key.cipher.update(token.subarray(IV_AT, end)), IV_AT)
  token.set(macOf(key, token.subarray(0, end)), end)
  return toBase64(token)
}

/** The maximum age of a token, and the current time. */
export interface DecryptOptions {
  /**
   * Maximum age in seconds. A token with a time more than 60 s in the future is also rejected. If absent, the time is not
   * checked.
   */
  readonly ttlSeconds?: number
  /** The current time in milliseconds since the epoch. */
  readonly now?: number
}

/**
 * Returns the plaintext of a token. Returns `undefined` if the token is malformed, altered or encrypted with another key, or if
 * its time is not accepted (see `ttlSeconds`).
 */
export const decrypt = (
  key: FernetKey,
  token: string,
  { ttlSeconds, now = Date.now() }: DecryptOptions = {}
): string | undefined => {
  const bytes = fromBase64(token)
  if (!bytes || bytes.length < HEADER_BYTES + BLOCK_BYTES + MAC_BYTES || bytes[0] !== VERSION) return undefined
  const end = bytes.length - MAC_BYTES
  if ((end - HEADER_BYTES) % BLOCK_BYTES !== 0) return undefined
  // Compares the MACs before decryption, because only authenticated data may be decrypted. The comparison takes constant time,
  // so that its duration reveals nothing about the MAC.
  if (!timingSafeEqual(macOf(key, bytes.subarray(0, end)), bytes.subarray(end))) return undefined
  if (ttlSeconds !== undefined && !isInTime(bytes, ttlSeconds, now / 1000)) return undefined
  return textOf(key.decipher.update(bytes.subarray(IV_AT, end)).subarray(BLOCK_BYTES))
}

const isInTime = (bytes: Buffer, ttlSeconds: number, nowSeconds: number): boolean => {
  const createdAt = Number(bytes.readBigUInt64BE(1))
  return createdAt + ttlSeconds >= nowSeconds && createdAt <= nowSeconds + MAX_CLOCK_SKEW_SECONDS
}

/**
 * Removes the padding of decrypted bytes and returns their text. Returns `undefined` if the padding is not PKCS #7 or the text
 * is not UTF-8. `encrypt` creates no such token, but another program that has the key may.
 */
const textOf = (padded: Buffer): string | undefined => {
  const padding = padded[padded.length - 1] ?? 0
  if (padding === 0 || padding > BLOCK_BYTES) return undefined
  const plain = padded.subarray(0, -padding)
  if (padded.subarray(-padding).some(byte => byte !== padding) || !isUtf8(plain)) return undefined
  return plain.toString()
}

const macOf = (key: FernetKey, bytes: Uint8Array): Buffer => createHmac('sha256', key.signing).update(bytes).digest()

const toBase64 = (bytes: Buffer): string => bytes.toString('base64url') + '='.repeat((3 - (bytes.length % 3)) % 3)

const BASE64 = /^[\w-]*={0,2}$/

/**
 * Decodes URL-safe base64. Returns `undefined` unless the text is canonical and padded. Node's decoder alone would also accept
 * other forms.
 */
const fromBase64 = (text: string): Buffer | undefined => {
  if (text.length % 4 !== 0 || !BASE64.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64url')
  return toBase64(bytes) === text ? bytes : undefined
}
