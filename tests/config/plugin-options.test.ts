import { expect, test } from 'vitest'
import { createOptionsReader } from '../../src/config/plugin-options.ts'
import { resolveSettings } from '../../src/config/resolve.ts'
import { auditSettings } from '../../src/config/settings/audit.ts'
import { authSettings } from '../../src/config/settings/auth.ts'
import { chatSettings } from '../../src/config/settings/chat.ts'
import { databaseSettings } from '../../src/config/settings/database.ts'
import { platformSettings } from '../../src/config/settings/http.ts'
import { opsSettings } from '../../src/config/settings/ops.ts'
import { settingNames, settingOf } from '../../src/config/settings.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'

const { settings } = resolveSettings({
  values: { secretKey: SECRET_KEY, encryptionKey: ENCRYPTION_KEY },
  mode: 'production',
  names: 'options',
  without: ['database']
})

test.for([
  ['auth', authSettings, ['secretKey']],
  ['chat', chatSettings, []],
  ['db', { ...databaseSettings, ...auditSettings }, []],
  ['platform', platformSettings, []],
  ['ops', opsSettings, []]
] as const)(
  'the plugin %s has the same defaults when it is registered alone as in the service',
  ([name, declared, excused]) => {
    const read = createOptionsReader(name, { settings: declared, excused: [...excused] as never[] })
    const values = read({})
    expect(Object.keys(values).length).toBeGreaterThan(0)
    expect(settings).toMatchObject(values)
  }
)

test('reads the given options and adds the defaults of the others', () => {
  const read = createOptionsReader('chat', { settings: chatSettings })
  const given = Object.freeze({ messageRateLimit: 3, readRateLimit: undefined, unrelated: 'x' })
  expect(read(given)).toEqual({
    messageRateLimit: 3,
    readRateLimit: settings.readRateLimit,
    messageRetentionDays: settings.messageRetentionDays,
    readReceipts: settings.readReceipts,
    connectionsPerUser: settings.connectionsPerUser,
    connectionsPerIp: settings.connectionsPerIp,
    connectRate: settings.connectRate,
    maxMessageLength: settings.maxMessageLength,
    editWindowMinutes: settings.editWindowMinutes,
    legacySocketHours: settings.legacySocketHours
  })
})

test.for(settingNames)('the setting %s has an owner and a description, and limits if it is a number', name => {
  const { owner, description, type, minimum, maximum } = settingOf(name)
  expect(owner).toMatch(/^[a-z]+$/)
  expect(description).toMatch(/^[A-Z`].*\.$/)
  if (type === 'integer') expect([typeof minimum, typeof maximum]).toEqual(['number', 'number'])
})
