/**
 * Lists the flows of an account and, for each client, the test that covers the flow. Each row also marks the clients that do not
 * offer the flow, so that a new flow requires a decision for every client.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

interface Covered {
  readonly file: string
  readonly title: string
}
type Cell = Covered | 'not offered'
type Row = readonly [flow: string, http: Cell, sdk: Cell, page: Cell, terminal: Cell, cli: Cell]

/** Returns a function that refers to a test in a file by the title of the test. */
const testsOf =
  (file: string) =>
  (title: string): Covered => ({ file, title })

const NO = 'not offered'
const auth = testsOf('tests/routes/auth.db.test.ts')
const invitations = testsOf('tests/routes/registration.db.test.ts')
const sessions = testsOf('tests/routes/sessions.db.test.ts')
const cookies = testsOf('tests/routes/session-cookies.db.test.ts')
const passwords = testsOf('tests/routes/passwords.db.test.ts')
const emails = testsOf('tests/routes/emails.db.test.ts')
const factors = testsOf('tests/routes/two-factor.db.test.ts')
const passkeys = testsOf('tests/routes/passkeys.db.test.ts')
const users = testsOf('tests/routes/users.db.test.ts')
const issuers = testsOf('tests/routes/issuers.db.test.ts')
const exports = testsOf('tests/accounts/export.db.test.ts')
const deletion = testsOf('tests/accounts/deletion.db.test.ts')
const admin = testsOf('tests/routes/admin.db.test.ts')
const chatSdk = testsOf('tests/client/sdk.db.test.ts')
const sessionSdk = testsOf('tests/client/session.db.test.ts')
const sessionModel = testsOf('tests/client/session.test.ts')
const cookieModel = testsOf('tests/client/session-cookies.test.ts')
const sdk = testsOf('tests/client/account.db.test.ts')
const use = testsOf('tests/web/use.pg.e2e.test.ts')
const login = testsOf('tests/web/login.pg.e2e.test.ts')
const account = testsOf('tests/web/account.pg.e2e.test.ts')
const adminPage = testsOf('tests/web/admin.pg.e2e.test.ts')
const screen = testsOf('tests/tui/screen.test.tsx')
const terminal = testsOf('tests/tui/session-file.test.ts')
const cli = testsOf('tests/cli/users.pg.e2e.test.ts')

const SDK_SESSION = sessionSdk('logs in, renews the token, is restored from the storage, and logs out')
const SDK_APP = sessionSdk('sets up an authenticator app, needs its code at the next login, and manages the account')
const SDK_CODES = sdk('proves with a code, replaces recovery codes, and removes the app')
const SDK_PASSKEY = sdk('adds a passkey with recovery codes, logs in and proves with it, and removes it')
const SDK_MAIL = sdk('enters, verifies, changes and removes an address, and resets a forgotten password')
const SDK_LIST = sdk('lists sessions, and ends another one after a proof')
const SDK_INVITE = sdk('invites a person, who registers')
const SDK_ADMIN = sdk('lets an administrator promote, demote, suspend, restore and delete a user')
const SDK_SEARCH = sessionSdk('lets an administrator find, suspend and invite users, and read the audit log')
const PAGE_REGISTER = use('can be used by keyboard alone: register, create a room, send, change the room, log out')
const PAGE_STAY = login(
  'stays signed in over a reload and over four renewals in three tabs, without a token in the storage'
)
const PAGE_PROFILE = account('changes the display name and the password after a proof, and ends another session')
const PAGE_APP = account('sets up an authenticator app, and logs in with its code and with a recovery code')
const PAGE_CODES = account('replaces the recovery codes, removes the authenticator app, and logs out everywhere')
const PAGE_LINKS = account(
  'verifies an address and sets a new password by the links of mails, without keeping their tokens in the URL'
)
const PAGE_EMAIL = account('changes and removes the address')
const PAGE_PASSKEY = account('adds a passkey and shows its recovery codes, logs in with it, and removes it')
const PAGE_SECOND = login('continues a login with a passkey as the second step, and confirms with it')
const PAGE_DATA = account('downloads the data of the user, and deletes the account')
const PAGE_ADMIN = adminPage('lets an administrator suspend and delete a user, invite somebody, and read the audit log')
const PAGE_MANAGE = adminPage(
  'lets an administrator search, promote and demote a user, reset the password and end the sessions'
)
const TERMINAL_STORED = terminal(
  'stores the session with --remember, and the next start continues it and keeps the renewed token'
)
const TERMINAL_MEMORY = terminal('writes nothing to the disk without --remember, and ends the session with the program')
const TERMINAL_CODE = screen('asks for a code if the login needs one, and returns to the password with Ctrl-R')
const CLI_SUSPEND = cli('suspends and restores a user, and resets a password with a token that is stored as a hash')
const CLI_SESSIONS = cli('ends the sessions of one user, or of all users after a question')

const INVITATION = invitations('an invitation is for one registration, and stays usable after a failed one')
const CHANGE_EMAIL = emails('that is changed stays until the new one is verified, and is then notified')
const FIRST_EMAIL = emails('that was given at registration is pending until its link is used, once')
const RESET = emails('is replaced with the link that the verified address receives')
const UNVERIFIED = emails('a login is rejected until the address is verified, and its challenge sends links')
const SUSPEND = admin(
  'suspends a user, closes the sockets of the user, refuses requests and logins, and restores the user'
)
const PROMOTE = admin('makes an administrator, who loses the rights again at once')
const ERASE = deletion('clears the texts in every room, and reports it once per room')

// biome-ignore format: one row per flow is a table.
const FLOWS: readonly Row[] = [
  ['register', auth('returns 201 with id, username and created_at'), chatSdk('registers, logs in, and uses rooms, history, publishing and presence over HTTP'), PAGE_REGISTER, screen('shows the rules as they are met during registration, and then the chat'), NO],
  ['register with an invitation', INVITATION, SDK_INVITE, PAGE_ADMIN, NO, NO],
  ['log in without a session', sessions('without `session` returns the same fields as older releases, and its token belongs to a session'), chatSdk('registers, logs in, and uses rooms, history, publishing and presence over HTTP'), NO, terminal('starts no session for a script that stores nothing'), NO],
  ['log in with a session', sessions('with `session` returns a refresh token, and when the session ends'), SDK_SESSION, login('keeps the session in memory over plain HTTP, and shows the reason'), TERMINAL_STORED, NO],
  ['log in with a cookie', cookies('a login of a page sets a cookie with the prefix, and returns no refresh token'), cookieModel('keeps no refresh token in cookie mode, and passes the access token to the other tabs'), PAGE_STAY, NO, NO],
  ['refresh', sessions('returns the same token within 30 s, and then the next one'), SDK_SESSION, PAGE_STAY, TERMINAL_STORED, NO],
  ['reuse of a refresh token', sessions('with an older token ends the session at any time'), sessionModel('ends the session when a thief has used the stolen refresh token'), use('shows the service’s message for a wrong password, and the form after a session has ended'), terminal('removes the stored session when the service refuses it, and logs in with the password of the environment'), NO],
  ['log out', sessions('ends the session of the refresh token, and may be repeated'), SDK_SESSION, PAGE_APP, TERMINAL_MEMORY, NO],
  ['log out everywhere', sessions('of all sessions needs a recent proof, and ends every one'), sessionSdk('ends when the session is revoked, and the client goes offline'), PAGE_CODES, NO, NO],
  ['list sessions', sessions('contains those of the user that have not ended, the most recently used first'), SDK_LIST, PAGE_PROFILE, NO, NO],
  ['end a session', sessions('another session is ended with a recent proof only, and the current one without'), SDK_LIST, PAGE_PROFILE, NO, NO],
  ['prove', factors('needs no code without a second factor'), SDK_LIST, PAGE_PROFILE, NO, NO],
  ['change the password', passwords('keeps the session of the request and ends every other one'), SDK_APP, PAGE_PROFILE, NO, NO],
  ['forget the password', passwords('a request for a mail gets the same response for every address'), SDK_MAIL, PAGE_LINKS, NO, NO],
  ['reset the password', RESET, SDK_MAIL, PAGE_LINKS, NO, NO],
  ['enter an address', FIRST_EMAIL, SDK_MAIL, PAGE_LINKS, NO, NO],
  ['verify an address', FIRST_EMAIL, SDK_MAIL, PAGE_LINKS, NO, NO],
  ['change the address', CHANGE_EMAIL, SDK_MAIL, PAGE_EMAIL, NO, NO],
  ['remove the address', emails('that is removed is notified, and is free for others'), SDK_MAIL, PAGE_EMAIL, NO, NO],
  ['log in with an address that is not verified, and request another mail', UNVERIFIED, sdk('requests another link with the challenge of a login whose address is not verified'), login('verifies the address at a login that needs it, with another mail'), NO, NO],
  ['list the second factors', factors('is listed, and cannot be replaced before it is removed'), SDK_PASSKEY, PAGE_PASSKEY, NO, NO],
  ['set up an authenticator app', factors('takes effect with its first code'), SDK_APP, PAGE_APP, NO, NO],
  ['log in with a code', factors('responds to the password with a challenge and the methods, and to the code with a token'), SDK_CODES, PAGE_APP, TERMINAL_CODE, NO],
  ['remove the authenticator app', factors('deletes the recovery codes when it is removed as the last factor'), SDK_CODES, PAGE_CODES, NO, NO],
  ['log in with a recovery code', factors('work once each, in any case and with or without hyphens'), SDK_APP, PAGE_APP, terminal('continues a login with a code'), NO],
  ['replace the recovery codes', factors('replace earlier ones'), SDK_CODES, PAGE_CODES, NO, NO],
  ['add a passkey', passkeys('returns it with the first recovery codes, and lists it'), SDK_PASSKEY, PAGE_PASSKEY, NO, NO],
  ['remove a passkey', passkeys('the last factor removes the recovery codes, and only the owner can remove a passkey'), SDK_PASSKEY, PAGE_PASSKEY, NO, NO],
  ['log in with a passkey as the second step', passkeys('as the second factor needs no verification by the authenticator'), SDK_PASSKEY, PAGE_SECOND, NO, NO],
  ['log in with a passkey alone', passkeys('without a password requires verification by the authenticator, and the user handle'), SDK_PASSKEY, PAGE_PASSKEY, NO, NO],
  ['prove with a passkey', testsOf('tests/web/passkeys.pg.e2e.test.ts')('is added, logs in without a password, continues a login, and proves who its owner is'), SDK_PASSKEY, PAGE_SECOND, NO, NO],
  ['use a token of another issuer', issuers('a person is identified by the subject, and never by the name'), sdk('uses a token of another issuer'), NO, NO, NO],
  ['read the profile', users('a display name is set, shown to its owner and to administrators, and removed with null'), chatSdk('registers, logs in, and uses rooms, history, publishing and presence over HTTP'), PAGE_PROFILE, NO, NO],
  ['set and remove the display name', users('a display name is set, shown to its owner and to administrators, and removed with null'), SDK_APP, PAGE_PROFILE, NO, NO],
  ['export', exports('contains the profile, sessions, own messages and events, and nothing of other users'), SDK_APP, PAGE_DATA, NO, NO],
  ['delete the account, and keep its messages', deletion('leaves a tombstone, and the messages stay under its name'), SDK_APP, PAGE_DATA, NO, NO],
  ['delete the account, and erase its messages', ERASE, sdk('deletes an account and erases its messages'), account('deletes the account and erases its messages'), NO, NO],
  ['read the features', users('the features of the service depend on its settings, and need no token'), sessionSdk('returns the features of the service without a token'), PAGE_LINKS, NO, NO],
  ['list users', admin('contains users in the order of their ids, in pages, without deleted users and users of a host'), SDK_SEARCH, PAGE_MANAGE, NO, cli('lists users, and finds them by the beginning of a name')],
  ['search users', admin('can be searched by the beginning of a name, in any case'), SDK_SEARCH, PAGE_MANAGE, NO, cli('lists users, and finds them by the beginning of a name')],
  ['promote a user', PROMOTE, SDK_ADMIN, PAGE_MANAGE, NO, cli('promotes after a question that shows the age of the account, and without a question with --yes')],
  ['demote a user', PROMOTE, SDK_ADMIN, PAGE_MANAGE, NO, cli('of two concurrent demotions in two processes, one fails, so that an administrator remains')],
  ['suspend a user', SUSPEND, SDK_ADMIN, PAGE_ADMIN, NO, CLI_SUSPEND],
  ['restore a user', SUSPEND, SDK_ADMIN, PAGE_ADMIN, NO, CLI_SUSPEND],
  ['end the sessions of a user', admin('ends every session of a user, and no session of another user'), SDK_ADMIN, PAGE_MANAGE, NO, CLI_SESSIONS],
  ['reset the password of a user', admin('returns a token, with which the user chooses a new password once'), SDK_ADMIN, PAGE_MANAGE, NO, CLI_SUSPEND],
  ['delete a user', admin('ends the sessions at once, and is recorded with the administrator'), SDK_ADMIN, PAGE_ADMIN, NO, cli('deletes a user after a question, and does not give the name to another user')],
  ['invite a person', INVITATION, SDK_INVITE, PAGE_ADMIN, NO, NO],
  ['review reports', testsOf('tests/routes/reports.db.test.ts')('an administrator reviews reports of public and direct rooms, and each reading and resolution is in the audit log'), NO, NO, NO, NO],
  ['read the audit log', admin('is read in pages and by filters, and records that it was read'), SDK_SEARCH, PAGE_ADMIN, NO, NO],
  ['create a user', NO, NO, NO, NO, cli('creates a user and an administrator, who can log in to the running service')],
  ['remove the second factors of a user', NO, NO, NO, NO, cli('removes the second factors of a user, and records it')]
]

/** The flow of each operation of the API, by `operationId`. */
const FLOW_OF: Readonly<Record<string, string>> = {
  register: 'register',
  login: 'log in without a session',
  refresh: 'refresh',
  logout: 'log out',
  logoutAll: 'log out everywhere',
  listSessions: 'list sessions',
  endSession: 'end a session',
  prove: 'prove',
  changeMyPassword: 'change the password',
  forgotPassword: 'forget the password',
  resetPassword: 'reset the password',
  setMyEmail: 'enter an address',
  verifyEmail: 'verify an address',
  removeMyEmail: 'remove the address',
  requestVerification: 'log in with an address that is not verified, and request another mail',
  getFactors: 'list the second factors',
  enrolTotp: 'set up an authenticator app',
  confirmTotp: 'set up an authenticator app',
  removeTotp: 'remove the authenticator app',
  logInWithCode: 'log in with a code',
  createRecoveryCodes: 'replace the recovery codes',
  getPasskeyOptions: 'add a passkey',
  addPasskey: 'add a passkey',
  removePasskey: 'remove a passkey',
  getPasskeyLoginOptions: 'log in with a passkey alone',
  logInWithPasskey: 'log in with a passkey alone',
  getPasskeyProofOptions: 'prove with a passkey',
  proveWithPasskey: 'prove with a passkey',
  getAuthFeatures: 'read the features',
  getMe: 'read the profile',
  updateMe: 'set and remove the display name',
  deleteMe: 'delete the account, and keep its messages',
  exportMe: 'export',
  invite: 'invite a person',
  listUsers: 'list users',
  changeUser: 'promote a user',
  deleteUser: 'delete a user',
  endSessionsOfUser: 'end the sessions of a user',
  resetPasswordOfUser: 'reset the password of a user',
  listAllReports: 'review reports',
  resolveAnyReport: 'review reports',
  listAuditEvents: 'read the audit log'
}

const titles = new Map<string, Set<string>>()

/** Returns the titles of the tests in a file. */
const titlesIn = (file: string): Set<string> => {
  const text = readFileSync(join(import.meta.dirname, '../..', file), 'utf8')
  const found = [...text.matchAll(/(?:\btest(?:\.\w+)*|\))\(\s*(['`])(.+?)\1,/g)].map(([, , title = '']) => title)
  return new Set(found)
}

test.each(FLOWS)('%s is tested with every client that offers it', (_flow, ...cells) => {
  const missing = cells.filter(cell => {
    if (cell === NO) return false
    const known = titles.get(cell.file) ?? titlesIn(cell.file)
    titles.set(cell.file, known)
    return !known.has(cell.title)
  })
  expect(missing).toEqual([])
})

test('every operation of accounts belongs to a flow', () => {
  const { paths } = JSON.parse(readFileSync(join(import.meta.dirname, '../../docs/openapi.json'), 'utf8'))
  const operations = Object.values<object>(paths)
    .flatMap(path => Object.values<{ operationId: string; tags: string[] }>(path as never))
    .filter(({ tags }) => tags.some(tag => ['auth', 'users', 'admin'].includes(tag)))
  expect(Object.keys(FLOW_OF).sort()).toEqual(operations.map(({ operationId }) => operationId).sort())
  const flows = FLOWS.map(([flow]) => flow)
  expect(Object.values(FLOW_OF).filter(flow => !flows.includes(flow))).toEqual([])
})

test('every flow is listed once', () => {
  expect(new Set(FLOWS.map(([flow]) => flow)).size).toBe(FLOWS.length)
})
