/** Tests docker-compose.yml with different `.env` files. Runs only `compose config`, which needs no Docker engine. */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { collectEnvironment } from '../../src/config/environment.ts'
import { resolveSettings } from '../../src/config/resolve.ts'
import { findCompose } from '../support/programs.ts'
import { isAvailable } from '../support/requirements.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'

const root = join(import.meta.dirname, '../..')

const compose = findCompose()

const EXAMPLE = readFileSync(join(root, '.env.example'), 'utf8')
const KEYS = `SECRET_KEY=${SECRET_KEY}\nENCRYPTION_KEY=${ENCRYPTION_KEY}\n`
const FILLED = `${EXAMPLE}DATABASE_PASSWORD=p\n${KEYS}`

/** Runs `compose config` with the given `.env`. Returns the exit code and the output. */
const configure = (dotenv: string) => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-compose-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  copyFileSync(join(root, 'docker-compose.yml'), join(folder, 'docker-compose.yml'))
  writeFileSync(join(folder, '.env'), dotenv)
  const [program = '', ...args] = compose ?? []
  const { status, stdout, stderr } = spawnSync(program, [...args, 'config'], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: folder }
  })
  return { status, stdout, stderr }
}

// biome-ignore lint/suspicious/noExplicitAny: a test reads whatever Compose printed.
type Service = Record<string, any>

const servicesOf = (dotenv: string): { postgres: Service; chat: Service } => {
  const { status, stdout, stderr } = configure(dotenv)
  expect(status, stderr).toBe(0)
  return parse(stdout).services
}

/** Returns the published addresses. Compose 1 prints ports in the short form, and Compose 2 prints ports in the long form. */
const addressesOf = (ports: (string | { host_ip: string; published: string; target: number })[]): string[] =>
  ports.map(port =>
    typeof port === 'string' ? port.replace('/tcp', '') : `${port.host_ip}:${port.published}:${port.target}`
  )

const reads = test.runIf(isAvailable('compose'))

reads('docker-compose.yml with an unchanged .env.example fails, and names the settings to fill in', () => {
  expect(configure(EXAMPLE).stderr).toContain('set DATABASE_PASSWORD in .env')
  const { status, stderr } = configure(`${EXAMPLE}DATABASE_PASSWORD=p\n`)
  expect(status).not.toBe(0)
  expect(stderr).toContain('keys generate')
})

reads('docker-compose.yml starts the database first, and the service without privileges', () => {
  const { postgres, chat } = servicesOf(FILLED)
  expect(postgres).toMatchObject({ image: 'postgres:17', environment: { POSTGRES_PASSWORD: 'p', POSTGRES_DB: 'chat' } })
  expect(postgres.healthcheck.test.join(' ')).toContain('pg_isready -h 127.0.0.1')
  expect(chat).toMatchObject({
    depends_on: { postgres: { condition: 'service_healthy' } },
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
    stop_grace_period: '15s'
  })
  expect(chat.volumes).toBeUndefined()
})

reads(
  'docker-compose.yml connects the service to its database and publishes it, even if .env has other addresses',
  () => {
    const dev =
      'DATABASE_URL=pglite:.data/chat\nDATABASE_PORT=5433\nDATABASE_SSL=verify-full\nHOST=127.0.0.1\nPORT=9000\n'
    const { postgres, chat } = servicesOf(`${FILLED}${dev}LOG_LEVEL=warn\n`)
    const { values } = collectEnvironment({ environment: chat.environment, cwd: tmpdir() })
    const { settings, warnings } = resolveSettings({ values, mode: 'production', names: 'environment' })
    expect(warnings).toEqual([])
    expect(settings).toMatchObject({
      databaseUrl: 'postgres://chat:p@postgres:5432/chat',
      databaseSsl: 'disable',
      host: '0.0.0.0',
      port: 8000,
      logLevel: 'warn',
      secretKey: SECRET_KEY,
      encryptionKey: ENCRYPTION_KEY
    })
    expect([postgres.ports, chat.ports].map(addressesOf)).toEqual([['127.0.0.1:5433:5432'], ['127.0.0.1:9000:8000']])
  }
)
