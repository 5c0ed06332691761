/**
 * Every setting: in the environment in capitals, as an option of a host in camelCase. `x-rule` says a pattern in words and
 * `advice` how to make a good value; both go into the message that refuses a bad one.
 */
import { type Static, type TSchema, Type } from '@sinclair/typebox'

const text = (options: object = {}) => Type.String({ minLength: 1, ...options })
const optional = <T extends TSchema>(schema: T) => Type.Optional(schema)
const atLeast = (minimum: number, value: number, options: object = {}) =>
  Type.Integer({ minimum, default: value, ...options })
const limit = (value: number, options: object = {}) => atLeast(0, value, { maximum: 1_000_000, ...options })
const flag = (value: boolean) => Type.Boolean({ default: value })
const list = (items: TSchema) => Type.Unsafe<readonly string[]>(Type.Array(items, { default: [] }))
const oneOf = <const T extends string>(values: readonly T[], options: object = {}) =>
  Type.Unsafe<T>({ type: 'string', enum: values, ...options })

const KEYS_ADVICE = 'Make one with `fastify-chat keys generate`.'
const Secret = Type.String({ minLength: 32, maxLength: 4096, advice: KEYS_ADVICE })
const FernetKey = Type.String({
  pattern: '^[\\w-]{42}[AEIMQUYcgkosw048]=$',
  'x-rule': 'must be a Fernet key: 32 bytes in URL-safe base64, 44 characters',
  advice: KEYS_ADVICE
})

/** What may be set, before it is resolved; see PROTOCOL "Settings". */
export const SettingsInput = Type.Object(
  {
    databaseHost: optional(text()),
    databasePort: optional(Type.Integer({ minimum: 1, maximum: 65_535 })),
    databaseName: optional(text()),
    databaseUser: optional(text()),
    databasePassword: optional(text()),
    databaseUrl: optional(
      text({
        pattern: '^(postgres(ql)?://\\S+|pglite:.+)$',
        'x-rule': 'must be postgres://USER:PASSWORD@HOST:PORT/NAME, or pglite:DIR for the embedded database'
      })
    ),
    databaseSchema: Type.String({
      default: 'public',
      pattern: '^(?!pg_)[a-z_][a-z0-9_]{0,62}$',
      'x-rule': 'must be 1-63 of a-z, 0-9 and "_", not begin with a digit or "pg_"'
    }),
    databaseSsl: optional(oneOf(['disable', 'require', 'verify-full'])),
    databaseCa: optional(text({ pattern: '-----BEGIN CERTIFICATE-----', 'x-rule': 'must be a certificate in PEM' })),
    databasePoolMax: atLeast(1, 10, { maximum: 1000 }),
    databaseListenUrl: optional(text({ pattern: '^postgres(ql)?://\\S+$', 'x-rule': 'must be a postgres:// URL' })),
    databaseWaitSeconds: atLeast(0, 10, { maximum: 3600 }),
    migrateOnStart: flag(true),

    secretKey: Secret,
    secretKeyPrevious: list(Secret),
    encryptionKey: FernetKey,
    encryptionKeyPrevious: list(FernetKey),
    accessTokenExpireMinutes: atLeast(1, 30, { maximum: 525_600 }),
    audience: optional(text({ maxLength: 200 })),
    bcryptRounds: atLeast(4, 12, { maximum: 16 }),

    host: text({ default: '0.0.0.0' }),
    port: atLeast(0, 8000, { maximum: 65_535 }),
    corsOrigins: list(text()),
    publicUrl: optional(text({ pattern: '^https?://[^\\s?#]+$', 'x-rule': 'must be an http:// or https:// URL' })),
    apiContact: optional(
      text({
        pattern: '^(https?://\\S+|[^@\\s]+@[^@\\s]+)$',
        'x-rule': 'must be an e-mail address or an http:// or https:// URL'
      })
    ),
    trustProxy: Type.Unsafe<boolean | readonly string[]>({
      anyOf: [{ type: 'boolean' }, { type: 'array', items: { type: 'string' } }],
      default: false
    }),
    logLevel: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], { default: 'info' }),
    webClient: flag(true),

    registerRateLimit: limit(5),
    loginRateLimit: limit(10),
    messageRateLimit: limit(10),
    readRateLimit: limit(20),
    connectionsPerUser: limit(20),
    connectionsPerIp: limit(0),
    maxMessageLength: atLeast(1, 4000, { maximum: 65_536 }),
    maxLoopDelayMs: limit(500),
    legacySocketHours: limit(24)
  },
  { additionalProperties: false }
)
export type SettingsInput = Static<typeof SettingsInput>

type DatabaseParts = 'databaseHost' | 'databasePort' | 'databaseName' | 'databaseUser' | 'databasePassword'

/**
 * The settings as the service uses them: complete, validated and frozen. The database's separate parts have become its
 * URL, which is empty when a host handed a ready client over.
 */
export type Settings = Readonly<
  Omit<SettingsInput, DatabaseParts | 'databaseUrl' | 'audience'> & { databaseUrl: string; audience: string }
>

/** A setting's name as an option. */
export type SettingName = keyof SettingsInput

/** Every setting's name as an option, in the order in which documents list them. */
export const settingNames = Object.keys(SettingsInput.properties) as SettingName[]

/** `databaseUrl` -> `DATABASE_URL`. */
export const environmentName = (name: string): string => name.replace(/[A-Z]/g, '_$&').toUpperCase()
