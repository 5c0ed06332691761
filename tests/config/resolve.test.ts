import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { collectEnvironment } from '../../src/config/environment.ts'
import { ConfigError, resolveSettings } from '../../src/config/resolve.ts'
import { environmentName, settingNames } from '../../src/config/settings.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'

const needed = { secretKey: SECRET_KEY, encryptionKey: ENCRYPTION_KEY, databaseUrl: 'postgres://u:p@h/d' }

const fromEnvironment = (values: Record<string, string>, mode: 'dev' | 'production' = 'production') =>
  resolveSettings({ values: { ...needed, ...values }, mode, names: 'environment' })

const configErrorOf = (values: Record<string, string>, mode: 'dev' | 'production' = 'production'): ConfigError => {
  try {
    fromEnvironment(values, mode)
  } catch (error) {
    if (error instanceof ConfigError) return error
    throw error
  }
  throw new Error('no ConfigError was thrown')
}

describe('settings from the environment', () => {
  test('reads the defaults of all settings that are not set', () => {
    expect(fromEnvironment({}).settings).toMatchObject({
      databaseSchema: 'public',
      databaseWaitSeconds: 10,
      migrateOnStart: true,
      port: 8000,
      corsOrigins: [],
      trustProxy: false,
      accessTokenExpireMinutes: 30,
      bcryptRounds: 12,
      audience: 'public',
      registerRateLimit: 5,
      loginRateLimit: 10,
      messageRateLimit: 10,
      readRateLimit: 20,
      connectionsPerUser: 20,
      connectionsPerIp: 0,
      maxMessageLength: 4000,
      legacySocketHours: 24
    })
  })

  test('converts environment variables to typed values', () => {
    const { settings } = fromEnvironment({
      port: '9000',
      migrateOnStart: 'false',
      corsOrigins: 'https://a.example, http://b.example:3000',
      trustProxy: '10.0.0.0/8, ::1',
      secretKeyPrevious: `${SECRET_KEY}-1,${SECRET_KEY}-2`,
      databaseSchema: 'chat',
      maxMessageLength: ''
    })
    expect(settings).toMatchObject({
      port: 9000,
      migrateOnStart: false,
      corsOrigins: ['https://a.example', 'http://b.example:3000'],
      trustProxy: ['10.0.0.0/8', '::1'],
      secretKeyPrevious: [`${SECRET_KEY}-1`, `${SECRET_KEY}-2`],
      audience: 'chat',
      maxMessageLength: 4000,
      legacySocketHours: 24
    })
    expect(Object.isFrozen(settings)).toBe(true)
  })

  test('builds the database URL from its parts', () => {
    const parts = { databaseHost: 'db', databaseName: 'ch/at', databaseUser: 'us@er', databasePassword: 'p:/?#@' }
    const { settings } = resolveSettings({
      values: { secretKey: SECRET_KEY, encryptionKey: ENCRYPTION_KEY, ...parts },
      mode: 'production',
      names: 'environment'
    })
    const url = new URL(settings.databaseUrl)
    expect([url.host, url.pathname].map(decodeURIComponent)).toEqual(['db:5432', '/ch/at'])
    expect([url.username, url.password].map(decodeURIComponent)).toEqual(['us@er', 'p:/?#@'])
  })

  test('prefers the database URL to its parts, and warns', () => {
    const { settings, warnings } = fromEnvironment({ databaseHost: 'other' })
    expect(settings.databaseUrl).toBe('postgres://u:p@h/d')
    expect(warnings).toEqual([expect.stringContaining('DATABASE_URL')])
  })

  test('does not set databaseSsl from the sslmode of one URL, because it would apply to both URLs', () => {
    const databaseUrl = 'postgres://h/d?sslmode=require'
    expect(fromEnvironment({ databaseUrl }).settings.databaseSsl).toBeUndefined()
  })

  test.each(['databaseUrl', 'databaseListenUrl'])(
    'rejects an unknown sslmode in %s with the supported values',
    name => {
      const { message } = configErrorOf({ [name]: 'postgres://u:opensesame@h/d?sslmode=verify_full' })
      expect(message).toMatch(new RegExp(`${environmentName(name)} .*sslmode.* require, verify-ca or verify-full`))
      expect(message).not.toMatch(/opensesame|verify_full/)
    }
  )

  test('has a default database in dev mode only', () => {
    const values = { secretKey: SECRET_KEY, encryptionKey: ENCRYPTION_KEY }
    expect(resolveSettings({ values, mode: 'dev', names: 'environment' }).settings.databaseUrl).toBe(
      'pglite:.data/chat'
    )
    expect(() => resolveSettings({ values, mode: 'production', names: 'environment' })).toThrow(
      /DATABASE_URL is missing/
    )
  })

  test('warns if every client is trusted as a proxy', () => {
    expect(fromEnvironment({ trustProxy: 'true' }).warnings).toEqual([expect.stringContaining('TRUST_PROXY')])
  })

  test('reports all invalid settings in one error, without their values', () => {
    const values = {
      secretKey: 'tooshort-s3cret',
      encryptionKey: 'not-a-fernet-key',
      encryptionKeyPrevious: `${ENCRYPTION_KEY},bad-previous`,
      databaseUrl: 'mysql://root:opensesame@h/d',
      databaseSchema: 'Bad Schema',
      port: '99999',
      messageRateLimit: '-1',
      logLevel: 'loud',
      corsOrigins: 'https://a.example/path',
      trustProxy: '3',
      migrateOnStart: 'perhaps'
    }
    const { message, bad } = configErrorOf(values)
    expect([...new Set(bad.map(({ name }) => name))].sort()).toEqual(Object.keys(values).sort())
    for (const name of Object.keys(values)) expect(message).toContain(environmentName(name))
    for (const value of [
      'tooshort',
      'not-a-fernet',
      'bad-previous',
      'opensesame',
      'Bad Schema',
      'a.example',
      'perhaps'
    ]) {
      expect(message).not.toContain(value)
    }
    expect(message).toContain('keys generate')
    expect(message).toContain('(item 2)')
  })

  test.for([
    ['secretKey', 'change-me-change-me-change-me-change-me'],
    ['secretKey', 'your-secret-key-here-0123456789-abcdefg'],
    ['secretKey', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'],
    ['encryptionKey', 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=']
  ] as const)('rejects the %s %s as a placeholder', ([name, value]) => {
    expect(configErrorOf({ [name]: value }).bad).toEqual([{ name, message: expect.stringContaining('placeholder') }])
  })

  test('normalizes origins to the form that browsers send, and gives a reason for each invalid origin', () => {
    const corsOrigins = 'https://App.example.com:443, https://*.example.org, capacitor://localhost'
    expect(fromEnvironment({ corsOrigins }).settings.corsOrigins).toEqual([
      'https://app.example.com',
      'https://*.example.org',
      'capacitor://localhost'
    ])
    const { message } = configErrorOf({ corsOrigins: 'https://a.example, https://b.example/, c.example, null' })
    expect(message).toMatch(/CORS_ORIGINS \(item 2\) must not end with a slash/)
    expect(message).toMatch(/CORS_ORIGINS \(item 3\) must begin with a scheme/)
    expect(message).toMatch(/CORS_ORIGINS \(item 4\) must not be null/)
    expect(message).not.toContain('b.example')
  })

  test('accepts the origin * in dev mode only', () => {
    expect(configErrorOf({ corsOrigins: '*' }).message).toMatch(/CORS_ORIGINS must not be \*/)
    expect(fromEnvironment({ corsOrigins: '*' }, 'dev').settings.corsOrigins).toEqual(['*'])
  })
})

describe('settings from a host', () => {
  const host = (values: Record<string, unknown>) =>
    resolveSettings({ values: { ...needed, ...values }, mode: 'production', names: 'options' })

  test('checks the types of a host’s options, and reports errors with the names of the options', () => {
    expect(host({ corsOrigins: ['https://a.example'], port: 9000 }).settings).toMatchObject({ port: 9000 })
    expect(() => host({ port: '9000' })).toThrow(/^ {2}port must be an integer$/m)
    expect(() => host({ databaseUrl: undefined })).toThrow(/^ {2}databaseUrl is missing/m)
  })

  test('rejects unknown options, so that a misspelled name does not silently become a default', () => {
    expect(() => host({ databaseURL: 'x' })).toThrow(/^ {2}databaseURL is not a setting$/m)
  })

  test('requires no database setting if the host passes in a client', () => {
    const values = { secretKey: SECRET_KEY, encryptionKey: ENCRYPTION_KEY }
    expect(
      resolveSettings({ values, mode: 'production', names: 'options', without: ['database'] }).settings
    ).toBeTruthy()
  })

  test('does not change the options of the host', () => {
    const corsOrigins = Object.freeze(['https://a.example'])
    const values = Object.freeze({ ...needed, corsOrigins })
    expect(resolveSettings({ values, mode: 'production', names: 'options' }).settings.corsOrigins).toEqual(corsOrigins)
  })
})

describe('the environment', () => {
  const folder = (files: Record<string, string | Buffer>): string => {
    const cwd = mkdtempSync(join(tmpdir(), 'chat-env-'))
    onTestFinished(() => rmSync(cwd, { recursive: true }))
    for (const [name, text] of Object.entries(files)) writeFileSync(join(cwd, name), text)
    return cwd
  }

  test('prefers environment variables to .env', () => {
    const cwd = folder({ '.env': 'PORT=1\nHOST="from file"\nUNRELATED=x' })
    expect(collectEnvironment({ environment: { PORT: '2' }, cwd }).values).toEqual({ port: '2', host: 'from file' })
  })

  test('reads an .env or a value file with a byte order mark and CRLF line endings', () => {
    const cwd = folder({
      secret: `\uFEFF${SECRET_KEY}\r\n`,
      '.env': '\uFEFFPORT=1\r\nHOST=127.0.0.1\r\nSECRET_KEY_FILE=secret\r\n'
    })
    const { values, bad } = collectEnvironment({ environment: {}, cwd })
    expect({ values, bad }).toEqual({ values: { port: '1', host: '127.0.0.1', secretKey: SECRET_KEY }, bad: [] })
  })

  test.for(['utf-16le', 'utf-16be'] as const)(
    'reads an .env or a value file in %s, as PowerShell writes it',
    encoding => {
      const encoded = (text: string): Buffer => {
        const bytes = Buffer.from(`\uFEFF${text}`, 'utf16le')
        return encoding === 'utf-16le' ? bytes : bytes.swap16()
      }
      const cwd = folder({
        secret: encoded(`${SECRET_KEY}\r\n`),
        '.env': encoded('PORT=1\r\nHOST=zoë 😀\r\nSECRET_KEY_FILE=secret\r\n')
      })
      const { values, bad } = collectEnvironment({ environment: {}, cwd })
      expect({ values, bad }).toEqual({ values: { port: '1', host: 'zoë 😀', secretKey: SECRET_KEY }, bad: [] })
    }
  )

  test('reads a setting from the file that a variable ending in _FILE names', () => {
    const cwd = folder({ secret: `${SECRET_KEY}\n`, '.env': 'SECRET_KEY=other' })
    const { values } = collectEnvironment({ environment: { SECRET_KEY_FILE: 'secret' }, cwd })
    expect(values).toEqual({ secretKey: SECRET_KEY })
  })

  test('reports a missing file and a setting that is given twice together with all other errors', () => {
    const environment = { SECRET_KEY_FILE: '/nowhere/secret', PORT: '1', PORT_FILE: 'x', LOG_LEVEL: 'loud' }
    const { values, bad } = collectEnvironment({ environment, cwd: folder({}) })
    const read = () => resolveSettings({ values, bad, mode: 'production', names: 'environment' })
    expect(read).toThrow(/SECRET_KEY cannot be read from the file that SECRET_KEY_FILE names/)
    expect(read).toThrow(/PORT is set twice, also as PORT_FILE/)
    expect(read).toThrow(/LOG_LEVEL must be one of/)
    expect(read).toThrow(/ENCRYPTION_KEY is missing/)
    expect(read).toThrow(/DATABASE_URL is missing/)
    expect(read).not.toThrow('/nowhere')
    expect(read).not.toThrow(/SECRET_KEY is missing/)
  })
})

test('every setting has a unique environment name', () => {
  const names = settingNames.map(environmentName)
  expect(new Set(names).size).toBe(settingNames.length)
  expect(names).toContain('DATABASE_POOL_MAX')
})
