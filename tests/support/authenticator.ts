/** Implements a passkey in software (WebAuthn, ES256), which creates the responses that a browser would send. */
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** The parts of a response that a test can change. */
export interface Ceremony {
  readonly origin?: string
  readonly rpId?: string
  readonly counter?: number
  readonly isVerified?: boolean
  readonly userHandle?: string
}

export interface Authenticator {
  readonly id: string
  /** Responds to a request to create a passkey. `options` are those that the service returned. */
  create(options: Options, changed?: Ceremony): object
  /** Responds to a request to authenticate with the passkey. */
  get(options: Options, changed?: Ceremony): object
}

// biome-ignore lint/suspicious/noExplicitAny: the JSON form of WebAuthn's options.
type Options = any

const base64url = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64url')
const sha256 = (bytes: Uint8Array | string): Buffer => createHash('sha256').update(bytes).digest()

/** Encodes a value as CBOR (RFC 8949). Throws for types that a passkey does not need. */
const cbor = (value: unknown): Buffer => {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value)
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value])
  if (value instanceof Map) {
    return Buffer.concat([head(5, value.size), ...[...value].flatMap(([key, one]) => [cbor(key), cbor(one)])])
  }
  throw new TypeError('The value cannot be encoded.')
}

const head = (major: number, length: number): Buffer => {
  if (length < 24) return Buffer.from([(major << 5) | length])
  if (length < 256) return Buffer.from([(major << 5) | 24, length])
  return Buffer.from([(major << 5) | 25, length >> 8, length & 255])
}

const UP = 0x01
const UV = 0x04
const ATTESTED = 0x40

/** Creates a passkey for pages at `origin`. */
export const createAuthenticator = (origin: string): Authenticator => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
  const credential = randomBytes(32)
  const id = base64url(credential)
  let signatures = 0
  let handle: string | undefined

  const clientData = (type: string, challenge: string, changed: Ceremony): Buffer =>
    Buffer.from(JSON.stringify({ type, challenge, origin: changed.origin ?? origin, crossOrigin: false }))
  const authenticatorData = (rpId: string, flags: number, changed: Ceremony): Buffer => {
    const { isVerified = true, counter = ++signatures } = changed
    const count = Buffer.alloc(4)
    count.writeUInt32BE(counter)
    return Buffer.concat([sha256(changed.rpId ?? rpId), Buffer.from([flags | UP | (isVerified ? UV : 0)]), count])
  }
  const credentialOf = (response: object): object => ({
    id,
    rawId: id,
    type: 'public-key',
    response,
    clientExtensionResults: {}
  })

  return {
    id,
    create({ challenge, rp, user }, changed = {}) {
      handle = user.id
      const key = new Map<unknown, unknown>([
        [1, 2],
        [3, -7],
        [-1, 1],
        [-2, Buffer.from(x, 'base64url')],
        [-3, Buffer.from(y, 'base64url')]
      ])
      const attested = [Buffer.alloc(16), Buffer.from([0, credential.length]), credential, cbor(key)]
      const authData = Buffer.concat([authenticatorData(rp.id, ATTESTED, changed), ...attested])
      const attestation = new Map<unknown, unknown>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', authData]
      ])
      return credentialOf({
        clientDataJSON: base64url(clientData('webauthn.create', challenge, changed)),
        attestationObject: base64url(cbor(attestation)),
        transports: ['internal']
      })
    },
    get({ challenge, rpId }, changed = {}) {
      const client = clientData('webauthn.get', challenge, changed)
      const data = authenticatorData(rpId, 0, changed)
      return credentialOf({
        clientDataJSON: base64url(client),
        authenticatorData: base64url(data),
        signature: base64url(sign('sha256', Buffer.concat([data, sha256(client)]), privateKey)),
        userHandle: changed.userHandle ?? handle
      })
    }
  }
}
