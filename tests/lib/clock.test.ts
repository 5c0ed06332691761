/** Tests that durations are measured with the monotonic clock. Lists each use of the wall clock, with its reason. */
import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'

const root = resolve(import.meta.dirname, '../..')
const files = ['src', 'client/src', 'plugins', 'routes'].flatMap(folder =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => /\.tsx?$/.test(name))
    .map(name => join(folder, name))
)

/**
 * Matches code that reads the wall clock or passes `now` as a function. Also matches `performance.now`, because code must use
 * `clock.monotonic` instead.
 */
const READING = /Date\.now|new Date\(\)|\bDate\(\)|performance\.now|\b(?:clock|timers|systemClock)\.now\b/g

/**
 * Files that may use the wall clock: for points in time that are shown, stored, or compared with the time of another system.
 */
const ALLOWED: Record<string, { times: number; why: string }> = {
  'src/lib/clock.ts': { times: 2, why: 'the clocks themselves' },
  'client/src/platform.ts': { times: 2, why: 'the clocks of the SDK' },
  'src/accounts/tokens/access-tokens.ts': { times: 3, why: '`iat` and `exp` of a token' },
  'src/accounts/issuers/issuer-tokens.ts': { times: 2, why: '`exp` and `nbf` of a token of another issuer' },
  'src/accounts/sessions/proof.ts': { times: 1, why: '`auth_time` or `iat` of a token of another issuer' },
  'src/cli/check/database.ts': { times: 3, why: 'the clock of this machine, compared with that of the database' },
  'src/cli/import-fastapi.ts': { times: 1, why: 'the time in a Fernet token' },
  'src/cli/print.ts': { times: 1, why: 'the time of a log line' },
  'src/accounts/host-users.ts': { times: 1, why: 'the `expiresAt` that a host returns' },
  'src/accounts/two-factor/codes.ts': { times: 1, why: 'the time step of a code (RFC 6238)' },
  'src/accounts/two-factor/factors.ts': { times: 1, why: 'the time step of a code (RFC 6238)' },
  'plugins/auth/host-auth.ts': { times: 1, why: 'the default `expiresAt`, if a host returns none' },
  'plugins/crypto.ts': { times: 1, why: 'the time in a Fernet token' },
  'src/crypto/fernet.ts': { times: 1, why: 'the age of a Fernet token' },
  'src/chat/measure.ts': { times: 1, why: 'the time since the database committed an entry' },
  'src/chat/rooms/moderation.ts': { times: 1, why: 'the end of a mute or a ban' },
  'src/chat/connections/lifetime.ts': { times: 2, why: 'the expiry of a token' },
  'src/bus/drivers/redis.ts': { times: 2, why: 'the time in a message, which another process compares with its own' },
  'src/chat/connections/dispatch.ts': { times: 1, why: '`server_time`' },
  'src/cli/users.ts': { times: 1, why: 'the age of an account, which the operator sees' },
  'src/cli/with-database.ts': { times: 1, why: 'the time in a Fernet token' },
  'src/db/client/folder-lock.ts': { times: 1, why: 'the modification time of a file' },
  'client/src/link.ts': { times: 2, why: '`since` and `until`, which apps show' },
  'client/src/outbox.ts': { times: 2, why: '`createdAt` and `waitsUntil`, which apps show' },
  'client/src/renewal.ts': { times: 1, why: 'the expiry of a token, from a service that does not send its time' },
  'client/src/session.ts': {
    times: 2,
    why: 'the stored expiry of an access token, which other tabs and programs read'
  },
  'src/tui/screen/moderation-commands.ts': { times: 1, why: 'until when a user is muted or banned' },
  'src/web/admin/user-actions.tsx': {
    times: 1,
    why: 'the time until which a link for a new password works, shown to a person'
  },
  'src/web/banner.tsx': {
    times: 4,
    why: 'how long it is until a point in time; counted down with the monotonic clock'
  },
  'src/web/room/restrict.tsx': { times: 1, why: 'until when a user is muted or banned' },
  'src/web/slow-mode.ts': { times: 1, why: 'the time left until `waitsUntil`' },
  'src/web/times.ts': { times: 1, why: 'the day of a message' }
}

/** Returns the source of a file without its comments. */
const codeOf = (file: string): string =>
  readFileSync(join(root, file), 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')

test('reads the wall clock for points in time only', () => {
  const found = files
    .map(file => [file, codeOf(file).match(READING)?.length ?? 0] as const)
    .filter(([, times]) => times > 0)
  const allowed = Object.entries(ALLOWED).map(([file, { times }]) => [file, times] as const)
  expect(Object.fromEntries(found)).toEqual(Object.fromEntries(allowed))
})
