/**
 * Lists what some tests need and a machine may lack. Such a test runs if `isAvailable`, as in
 * `test.runIf(isAvailable('tmux'))(…)`. If the requirement is not met, the test is skipped with a message. With CI=true, it fails.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { networkInterfaces, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { findBinaries } from '../chaos/cluster.ts'
import { hasCommits } from './former-commit.ts'
import { chromiumPath, findCompose, findFaketime, findProgram, findPython } from './programs.ts'

export interface Requirement {
  /** The tests that need it. Completes the sentence "SKIPPED: …". */
  readonly tests: string
  /** What is missing. */
  readonly reason: string
  /** The Debian packages that .ci/run installs. */
  readonly packages?: readonly string[]
  /** Whether the tests are skipped also with CI=true, because no step of a CI can provide what is missing. */
  readonly isOptional?: true
  readonly isMet: () => boolean
}

const areInstalled = (...programs: string[]) => programs.every(program => findProgram(program) !== undefined)

/** Returns whether this process may mount a file system. Root of a container often may not. */
const isMountAllowed = (): boolean => {
  if (userInfo().uid !== 0) return false
  const folder = mkdtempSync(join(tmpdir(), 'chat-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' })
    execFileSync('umount', [folder], { stdio: 'ignore' })
    return true
  } catch {
    return false
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

export const REQUIREMENTS = {
  caddy: {
    tests: 'the service behind Caddy',
    reason: 'Caddy is not installed',
    packages: ['caddy'],
    isMet: () => areInstalled('caddy')
  },
  chromium: {
    tests: 'the tests of the page',
    reason: 'Chromium was not found. Run apt-get install chromium-headless-shell, or set CHROMIUM to its path',
    packages: ['chromium-headless-shell'],
    isMet: () => chromiumPath !== undefined
  },
  cluster: {
    tests: 'the tests that start their own cluster',
    reason: 'There are no PostgreSQL binaries in /usr/lib/postgresql',
    packages: ['postgresql'],
    isMet: () => findBinaries() !== undefined
  },
  commits: {
    tests: 'the tests that run an earlier release',
    reason: 'This clone lacks earlier commits. Run git fetch --unshallow',
    isMet: hasCommits
  },
  compose: {
    tests: 'the tests of docker-compose.yml',
    reason: 'Neither `docker compose` nor `docker-compose` is installed',
    packages: ['docker-compose'],
    isMet: () => findCompose() !== undefined
  },
  faketime: {
    tests: 'the service whose wall clock is set',
    reason: 'faketime is not installed',
    packages: ['faketime'],
    isMet: () => findFaketime() !== undefined
  },
  ipv6: {
    tests: 'the tests of databases with IPv6 addresses',
    reason: 'This machine has no address ::1. Docker, for example, gives its containers none unless IPv6 is enabled',
    isOptional: true,
    isMet: () => Object.values(networkInterfaces()).some(all => all?.some(({ address }) => address === '::1'))
  },
  mount: {
    tests: 'the tests of a full disk',
    reason: 'They mount a file system, and this process may not: it is not root, or its container lacks CAP_SYS_ADMIN',
    isOptional: true,
    isMet: isMountAllowed
  },
  nginx: {
    tests: 'the service behind nginx',
    reason: 'nginx is not installed',
    packages: ['nginx-light'],
    isMet: () => areInstalled('nginx')
  },
  pgbouncer: {
    tests: 'the tests of PgBouncer',
    reason: 'PgBouncer is not installed',
    packages: ['pgbouncer'],
    isMet: () => areInstalled('pgbouncer')
  },
  prometheus: {
    tests: 'the tests of the dashboard and the alert rules',
    reason: 'Prometheus is not installed',
    packages: ['prometheus'],
    isMet: () => areInstalled('prometheus', 'promtool')
  },
  'python: cryptography': {
    tests: 'the exchange of tokens with Python’s cryptography',
    reason: 'Python lacks the package cryptography',
    packages: ['python3-cryptography'],
    isMet: () => findPython('cryptography.fernet') !== undefined
  },
  'python: fastapi': {
    tests: 'the import of a FastAPI Chat Backend',
    reason: 'Python lacks SQLAlchemy, psycopg2, passlib, bcrypt or cryptography',
    packages: ['python3-sqlalchemy', 'python3-psycopg2', 'python3-passlib', 'python3-bcrypt'],
    isMet: () => findPython('sqlalchemy, psycopg2, passlib, bcrypt, cryptography') !== undefined
  },
  'python: websockets': {
    tests: 'examples/client.py',
    reason: 'Python lacks the package websockets',
    packages: ['python3-websockets'],
    isMet: () => findPython('websockets') !== undefined
  },
  redis: {
    tests: 'the tests of Redis',
    reason: 'redis-server or redis-sentinel is not installed',
    packages: ['redis-server', 'redis-sentinel'],
    isMet: () => areInstalled('redis-server', 'redis-sentinel')
  },
  systemd: {
    tests: 'the check of the systemd unit',
    reason: 'systemd-analyze is not installed',
    packages: ['systemd'],
    isMet: () => areInstalled('systemd-analyze')
  },
  tmux: {
    tests: 'the client in a real terminal',
    reason: 'tmux is not installed',
    packages: ['tmux'],
    isMet: () => areInstalled('tmux')
  }
} satisfies Record<string, Requirement>

export type RequirementName = keyof typeof REQUIREMENTS

/** Returns whether the tests run. If not, prints a message, or throws if they must run because CI=true. */
export const mayRun = (
  { tests, reason, isOptional, isMet }: Requirement,
  isCi: boolean,
  print: (text: string) => void
): boolean => {
  if (isMet()) return true
  if (isCi && !isOptional) throw new Error(`${reason}. With CI=true every test must run.`)
  print(`\n*** SKIPPED: ${tests}. ${reason}. ***\n\n`)
  return false
}

const results = new Map<RequirementName, boolean>()

/** Returns whether a requirement is met. If not, prints a message once, or throws if CI=true and the requirement is not optional. */
export const isAvailable = (name: RequirementName): boolean => {
  const result =
    results.get(name) ?? mayRun(REQUIREMENTS[name], process.env.CI === 'true', text => void process.stderr.write(text))
  results.set(name, result)
  return result
}
