/**
 * Tests the requests of the SDK's account, admin, moderation, invitation and safety APIs, and that the OpenAPI document contains
 * these requests.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  type AccountApi,
  type AdminApi,
  createAccountApi,
  createAdminApi,
  createInvitationApi,
  createModerationApi,
  createSafetyApi,
  type InvitationApi,
  type ModerationApi,
  type SafetyApi
} from '../../client/src/index.ts'

interface Row {
  readonly request: string
  readonly body?: object
  /** Whether the request is sent without the access token. */
  readonly isPublic?: boolean
}

/** Returns a row of a table below: a call, and the request that the call should send. */
const row = <Api>(call: (api: Api) => Promise<unknown>, request: string, body?: object, isPublic = false) => ({
  call,
  expected: { request, body, isPublic }
})

const passkey = { challenge: 'c1', name: 'Laptop', response: { id: 'AQID' } }
const { challenge, response } = passkey

const account = (call: (api: AccountApi) => Promise<unknown>, request: string, body?: object, isPublic?: boolean) =>
  row(call, request, body, isPublic)
const admin = (call: (api: AdminApi) => Promise<unknown>, request: string, body?: object) => row(call, request, body)

const ACCOUNT: Record<keyof AccountApi, ReturnType<typeof account>[]> = {
  features: [account(api => api.features(), 'GET /api/auth/features', undefined, true)],
  me: [account(api => api.me(), 'GET /api/users/me')],
  setDisplayName: [
    account(api => api.setDisplayName('Ada L.'), 'PATCH /api/users/me', { display_name: 'Ada L.' }),
    account(api => api.setDisplayName(null), 'PATCH /api/users/me', { display_name: null })
  ],
  prove: [
    account(api => api.prove('secret'), 'POST /api/auth/proof', { password: 'secret' }),
    account(api => api.prove('secret', '123456'), 'POST /api/auth/proof', { password: 'secret', code: '123456' })
  ],
  changePassword: [account(api => api.changePassword('secret'), 'POST /api/users/me/password', { new: 'secret' })],
  forgotPassword: [
    account(api => api.forgotPassword('a@b.c'), 'POST /api/auth/password/forgot', { email: 'a@b.c' }, true)
  ],
  resetPassword: [
    account(
      api => api.resetPassword('t1', 'secret'),
      'POST /api/auth/password/reset',
      { token: 't1', password: 'secret' },
      true
    )
  ],
  setEmail: [account(api => api.setEmail('a@b.c'), 'PUT /api/users/me/email', { email: 'a@b.c' })],
  removeEmail: [account(api => api.removeEmail(), 'DELETE /api/users/me/email')],
  verifyEmail: [account(api => api.verifyEmail('t1'), 'POST /api/auth/email/verify', { token: 't1' }, true)],
  requestVerification: [
    account(api => api.requestVerification('c1'), 'POST /api/auth/email', { challenge }, true),
    account(api => api.requestVerification('c1', 'a@b.c'), 'POST /api/auth/email', { challenge, email: 'a@b.c' }, true)
  ],
  sessions: [account(api => api.sessions(), 'GET /api/auth/sessions')],
  endSession: [account(api => api.endSession('s/1'), 'DELETE /api/auth/sessions/s%2F1')],
  endAllSessions: [account(api => api.endAllSessions(), 'POST /api/auth/logout-all', {})],
  factors: [account(api => api.factors(), 'GET /api/auth/factors')],
  startTotp: [account(api => api.startTotp(), 'POST /api/auth/totp', {})],
  confirmTotp: [account(api => api.confirmTotp('123456'), 'POST /api/auth/totp/confirm', { code: '123456' })],
  removeTotp: [account(api => api.removeTotp(), 'DELETE /api/auth/totp')],
  createRecoveryCodes: [account(api => api.createRecoveryCodes(), 'POST /api/auth/recovery-codes', {})],
  passkeyOptions: [account(api => api.passkeyOptions(), 'POST /api/auth/passkeys/options', {})],
  addPasskey: [account(api => api.addPasskey(passkey), 'POST /api/auth/passkeys', passkey)],
  removePasskey: [account(api => api.removePasskey('p1'), 'DELETE /api/auth/passkeys/p1')],
  passkeyLoginOptions: [
    account(api => api.passkeyLoginOptions(), 'POST /api/auth/passkeys/login/options', {}, true),
    account(api => api.passkeyLoginOptions('c1'), 'POST /api/auth/passkeys/login/options', { challenge }, true)
  ],
  passkeyProofOptions: [account(api => api.passkeyProofOptions(), 'POST /api/auth/passkeys/proof/options', {})],
  proveWithPasskey: [
    account(api => api.proveWithPasskey({ challenge, response }), 'POST /api/auth/passkeys/proof', {
      challenge,
      response
    })
  ],
  exportData: [account(api => api.exportData(), 'GET /api/users/me/export')],
  deleteAccount: [
    account(api => api.deleteAccount(), 'DELETE /api/users/me', {}),
    account(api => api.deleteAccount(true), 'DELETE /api/users/me', { erase: true })
  ]
}

const ADMIN: Record<keyof AdminApi, ReturnType<typeof admin>[]> = {
  users: [
    admin(api => api.users(), 'GET /api/admin/users'),
    admin(api => api.users({ query: 'a b', after: 3, limit: 10 }), 'GET /api/admin/users?query=a+b&after=3&limit=10')
  ],
  changeUser: [
    admin(api => api.changeUser(7, { role: 'admin' }), 'PATCH /api/admin/users/7', { role: 'admin' }),
    admin(api => api.changeUser(7, { status: 'suspended' }), 'PATCH /api/admin/users/7', { status: 'suspended' })
  ],
  deleteUser: [
    admin(api => api.deleteUser(7), 'DELETE /api/admin/users/7', {}),
    admin(api => api.deleteUser(7, true), 'DELETE /api/admin/users/7', { erase: true })
  ],
  resetPassword: [admin(api => api.resetPassword(7), 'POST /api/admin/users/7/reset-password', {})],
  endSessions: [admin(api => api.endSessions(7), 'POST /api/admin/users/7/logout-all', {})],
  invite: [
    admin(api => api.invite(), 'POST /api/admin/invitations', {}),
    admin(api => api.invite(24), 'POST /api/admin/invitations', { expires_in_hours: 24 })
  ],
  reports: [
    admin(api => api.reports(), 'GET /api/admin/reports'),
    admin(api => api.reports({ state: 'open', limit: 10 }), 'GET /api/admin/reports?state=open&limit=10')
  ],
  resolveReport: [
    admin(api => api.resolveReport(7, 'deleted'), 'POST /api/admin/reports/7/resolve', { outcome: 'deleted' })
  ],
  audit: [
    admin(api => api.audit(), 'GET /api/admin/audit'),
    admin(
      api => api.audit({ user: 7, event: 'user_suspended', after: 9, limit: 10 }),
      'GET /api/admin/audit?user=7&event=user_suspended&after=9&limit=10'
    )
  ]
}

const UNTIL = '2026-02-01T00:00:00.000Z'
const moderation = (call: (api: ModerationApi) => Promise<unknown>, request: string, body?: object) =>
  row(call, request, body)

const MODERATION: Record<keyof ModerationApi, ReturnType<typeof moderation>[]> = {
  mute: [
    moderation(api => api.mute('a:b', 7), 'PUT /api/chat/rooms/a%3Ab/mutes/7', {}),
    moderation(
      api => api.mute('general', 7, { until: new Date(UNTIL), reason: 'Spam' }),
      'PUT /api/chat/rooms/general/mutes/7',
      { until: UNTIL, reason: 'Spam' }
    )
  ],
  unmute: [moderation(api => api.unmute('general', 7), 'DELETE /api/chat/rooms/general/mutes/7')],
  ban: [
    moderation(
      api => api.ban('general', 7, { until: UNTIL, reason: 'Spam', erase: 24 }),
      'PUT /api/chat/rooms/general/bans/7',
      { until: UNTIL, reason: 'Spam', erase: 24 }
    )
  ],
  unban: [moderation(api => api.unban('general', 7), 'DELETE /api/chat/rooms/general/bans/7')],
  restrictions: [
    moderation(
      api => api.restrictions('general', { after: 3, limit: 10 }),
      'GET /api/chat/rooms/general/restrictions?after=3&limit=10'
    )
  ],
  deleteRoom: [moderation(api => api.deleteRoom('general'), 'DELETE /api/chat/rooms/general')],
  reports: [
    moderation(
      api => api.reports('general', { state: 'resolved', after: 3, limit: 10 }),
      'GET /api/chat/rooms/general/reports?state=resolved&after=3&limit=10'
    )
  ],
  resolveReport: [
    moderation(api => api.resolveReport('general', 7, 'dismissed'), 'POST /api/chat/rooms/general/reports/7/resolve', {
      outcome: 'dismissed'
    })
  ]
}

const invitation = (call: (api: InvitationApi) => Promise<unknown>, request: string, body?: object) =>
  row(call, request, body)

const INVITATIONS: Record<keyof InvitationApi, ReturnType<typeof invitation>[]> = {
  create: [
    invitation(api => api.create('general'), 'POST /api/chat/rooms/general/invitations', {}),
    invitation(
      api => api.create('general', { expires_in_hours: 24, uses: 1 }),
      'POST /api/chat/rooms/general/invitations',
      { expires_in_hours: 24, uses: 1 }
    )
  ],
  list: [invitation(api => api.list('general'), 'GET /api/chat/rooms/general/invitations')],
  revoke: [invitation(api => api.revoke('general', 7), 'DELETE /api/chat/rooms/general/invitations/7')],
  show: [invitation(api => api.show('a/b'), 'GET /api/chat/invitations/a%2Fb')],
  accept: [invitation(api => api.accept('abc'), 'POST /api/chat/invitations/abc')]
}

const safety = (call: (api: SafetyApi) => Promise<unknown>, request: string, body?: object) => row(call, request, body)

const SAFETY: Record<keyof SafetyApi, ReturnType<typeof safety>[]> = {
  blocks: [safety(api => api.blocks(), 'GET /api/users/me/blocks')],
  block: [safety(api => api.block(7), 'PUT /api/users/me/blocks/7')],
  unblock: [safety(api => api.unblock(7), 'DELETE /api/users/me/blocks/7')],
  report: [
    safety(api => api.report('general', 41), 'POST /api/chat/rooms/general/messages/41/report', {}),
    safety(api => api.report('general', 41, 'Spam'), 'POST /api/chat/rooms/general/messages/41/report', {
      reason: 'Spam'
    })
  ]
}

/** Calls one of the functions that `create` returns. Returns the request that the function sends. */
const requestOf = async <Api>(create: typeof createAccountApi, call: (api: Api) => Promise<unknown>): Promise<Row> => {
  let sent: Row | undefined
  const api = create({
    url: 'http://chat.test/support/',
    token: 'a-token',
    async fetch(url, { method, headers, body }) {
      expect(headers.authorization ?? 'Bearer a-token').toBe('Bearer a-token')
      sent = {
        request: `${method} ${url.replace('http://chat.test/support', '')}`,
        ...(body === undefined ? {} : { body: JSON.parse(body) }),
        isPublic: headers.authorization === undefined
      }
      return { ok: true, status: 200, headers: { get: () => null }, text: async () => '{}' }
    }
  })
  await call(api as Api)
  return sent as Row
}

interface Operation {
  readonly security?: readonly object[]
  readonly parameters?: readonly { readonly in: string; readonly name: string }[]
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: { $ref: string } } } }
}

const { paths, components } = JSON.parse(readFileSync('docs/openapi.json', 'utf8'))

/** Returns what the OpenAPI document says about a request: whether it needs no token, and the fields of its query and body. */
const documented = (request: string) => {
  const [method = '', path = ''] = request.split(/[ ?]/)
  const isPath = (template: string) => new RegExp(`^${template.replace(/\{.*?\}/g, '[^/]+')}$`).test(path)
  const operation: Operation | undefined =
    paths[path in paths ? path : String(Object.keys(paths).find(isPath))]?.[method.toLowerCase()]
  const schema = operation?.requestBody?.content['application/json'].schema
  return {
    isPublic: operation?.security?.length === 0,
    query: operation?.parameters?.filter(({ in: place }) => place === 'query').map(({ name }) => name) ?? [],
    body: Object.keys((schema && components.schemas[schema.$ref.replace(/.*\//, '')]?.properties) ?? {})
  }
}

const check = <Api>(create: typeof createAccountApi, rows: Record<string, ReturnType<typeof row<Api>>[]>): void => {
  test.each(Object.entries(rows).flatMap(([name, calls]) => calls.map(one => ({ name, ...one }))))(
    '$name sends $expected.request',
    async ({ call, expected }) => {
      const sent = await requestOf(create, call)
      const { body, ...rest } = expected
      expect(sent).toEqual({ ...rest, ...(body === undefined ? {} : { body }) })
      const { isPublic, query, body: fields } = documented(expected.request)
      expect(isPublic).toBe(expected.isPublic)
      expect(query).toEqual(expect.arrayContaining([...new URLSearchParams(expected.request.split('?')[1]).keys()]))
      expect(fields).toEqual(expect.arrayContaining(Object.keys(body ?? {})))
    }
  )

  test('the table has every function', () => {
    expect(Object.keys(create({ url: 'http://chat.test' })).sort()).toEqual(Object.keys(rows).sort())
  })
}

describe('the account API', () => check(createAccountApi, ACCOUNT))
describe('the admin API', () => check(createAdminApi as never, ADMIN))
describe('the moderation API', () => check(createModerationApi as never, MODERATION))
describe('the invitation API', () => check(createInvitationApi as never, INVITATIONS))
describe('the safety API', () => check(createSafetyApi as never, SAFETY))
