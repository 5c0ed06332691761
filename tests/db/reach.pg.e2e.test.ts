/** Tests how a database URL addresses a server, the parameters of the URL, and the error messages when TLS fails. */
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { resolveSettings } from '../../src/config/resolve.ts'
import { adoptClient, openClient, waitForDatabase } from '../../src/db/client/open.ts'
import type { ClientOptions, SqlClient } from '../../src/db/client/types.ts'
import { type Cluster, owner, startCluster } from '../chaos/cluster.ts'
import { binaries, describeWithCluster } from '../support/own-cluster.ts'
import { isAvailable } from '../support/requirements.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../support/settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'chat-reach-'))
const certificates = join(folder, 'certificates')
let cluster: Cluster

const openssl = (...args: string[]): void => {
  execFileSync('openssl', args, { cwd: certificates, stdio: 'ignore' })
}

/** Creates two certificate authorities. The first signs two certificates for `localhost`: a valid one and an expired one. */
const createCertificates = (): void => {
  mkdirSync(certificates)
  const ca = ['-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'ca.key', '-out', 'ca.pem', '-subj', '/CN=test']
  openssl('req', ...ca, '-days', '2')
  openssl('req', ...ca.map(word => word.replace(/^ca\./, 'other.')), '-days', '2')
  for (const [name, days] of [
    ['good', '2'],
    ['expired', '-1']
  ] as const) {
    const request = ['-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.csr`]
    openssl('req', ...request, '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost')
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-copy_extensions', 'copy', '-days', days]
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.pem`, ...signed)
    chmodSync(join(certificates, `${name}.key`), 0o600)
    const as = owner()
    if (as) chownSync(join(certificates, `${name}.key`), as.uid, as.gid)
  }
}

const ca = (name = 'ca') => readFileSync(join(certificates, `${name}.pem`), 'utf8')

beforeAll(async () => {
  if (!binaries) return
  createCertificates()
  chmodSync(folder, 0o755)
  const addresses = isAvailable('ipv6') ? '127.0.0.1,::1' : '127.0.0.1'
  cluster = await startCluster(binaries, { folder, settings: [`listen_addresses=${addresses}`] })
}, 300_000)

afterAll(() => {
  cluster?.stop()
  rmSync(folder, { recursive: true, force: true })
})

const open = async (options: Omit<ClientOptions, 'poolMax'>) => {
  const client = await openClient({ poolMax: 1, ...options })
  onTestFinished(() => client.close())
  return client
}

const errorMessageOf = async (options: Omit<ClientOptions, 'poolMax'>): Promise<string> => {
  const client = await open(options)
  const error = await waitForDatabase(client, { seconds: 0 }).catch(thrown => thrown)
  return error.message
}

/** Returns a URL that reaches the cluster over TCP. */
const url = (host = '127.0.0.1', more = '') => `postgres://postgres:secret@${host}:${cluster.port}/postgres${more}`

/** Turns TLS off, or turns TLS on with the given certificate. Resolves when the server uses the new settings. */
const serve = async (certificate: 'good' | 'expired' | 'none') => {
  const client = await open({ url: url() })
  const path = (extension: string) => join(certificates, `${certificate}.${extension}`)
  const settings =
    certificate === 'none'
      ? ['ssl = off']
      : ['ssl = on', `ssl_cert_file = '${path('pem')}'`, `ssl_key_file = '${path('key')}'`]
  for (const setting of settings) await client.query(`alter system set ${setting}`)
  await client.query('select pg_reload_conf()')
  const wanted = certificate === 'none' ? 'off' : 'on'
  const isTaken = async () => {
    const fresh = await open({ url: url() })
    const [row] = await fresh.query<{ ssl: string; file: string }>(
      `select current_setting('ssl') as ssl, current_setting('ssl_cert_file') as file`
    )
    return row?.ssl === wanted && (certificate === 'none' || row.file === path('pem'))
  }
  await expect.poll(isTaken).toBe(true)
}

/** Returns the options of a client for settings of the environment, as the service passes them. */
const optionsFor = (values: Record<string, string>) => {
  const secrets = { secretKey: SECRET_KEY, encryptionKey: ENCRYPTION_KEY }
  const { settings } = resolveSettings({ values: { ...secrets, ...values }, mode: 'production', names: 'environment' })
  const { databaseUrl, databaseSsl: ssl, databaseCa: ca, databaseListenUrl: listenUrl } = settings
  return { url: databaseUrl, ssl, ca, listenUrl }
}

const partsUrl = (databaseHost: string, more: Record<string, string> = {}): string => {
  const parts = { databasePort: String(cluster.port), databaseName: 'postgres', databaseUser: 'postgres' }
  return optionsFor({ databaseHost, ...parts, ...more }).url
}

/** Returns the address from which the connection for notifications reaches the cluster, and whether it is encrypted. */
const listenerOf = async (client: SqlClient) => {
  const channel = `reach_${randomBytes(6).toString('hex')}`
  const listener = await client.notifications?.listen(
    channel,
    () => {},
    () => {}
  )
  const [row] = await client.query<{ address: string | null; ssl: boolean }>(
    `select host(client_addr) as address, ssl from pg_stat_activity join pg_stat_ssl using (pid) where query = $1`,
    [`listen "${channel}"`]
  )
  await listener?.end()
  return row
}

describeWithCluster('a server is reached', () => {
  const sockets: [string, () => string][] = [
    ['as the parameter host', () => `postgres://postgres@/postgres?host=${folder}&port=${cluster.port}`],
    ['as an encoded host', () => `postgres://postgres@${encodeURIComponent(folder)}:${cluster.port}/postgres`],
    ['by its file', () => `postgres://postgres@/postgres?host=${folder}/.s.PGSQL.${cluster.port}`],
    [
      'though TLS is required',
      () => `postgres:///postgres?host=${folder}&port=${cluster.port}&user=postgres&sslmode=require`
    ],
    ['as DATABASE_HOST, without a password', () => partsUrl(folder)]
  ]
  test.each(sockets)('over a Unix socket, %s', async (_, databaseUrl) => {
    const client = await open({ url: databaseUrl() })
    expect(client.where).toBe(folder)
    expect(await client.query('select inet_server_addr() is null as is_local')).toEqual([{ is_local: true }])
  })

  const six: [string, () => string][] = [
    ['in brackets', () => url('[::1]')],
    ['as DATABASE_HOST', () => partsUrl('::1', { databasePassword: 'x' })],
    ['as DATABASE_HOST in brackets', () => partsUrl('[::1]', { databasePassword: 'x' })]
  ]
  test.runIf(isAvailable('ipv6')).each(six)('over IPv6, %s', async (_, databaseUrl) => {
    const client = await open({ url: databaseUrl() })
    expect(client.where).toBe(`[::1]:${cluster.port}`)
    expect(await client.query('select host(inet_server_addr()) as host')).toEqual([{ host: '::1' }])
  })

  test('at the second of two hosts', async () => {
    const client = await open({ url: `postgres://postgres@127.0.0.1:1,127.0.0.1:${cluster.port}/postgres` })
    expect(await client.query('select 1 as one')).toEqual([{ one: 1 }])
  })

  const lists: [string, () => string, string | null][] = [
    ['a Unix socket, if it is the first', () => `${folder},127.0.0.1`, null],
    ['the next host, if there is no Unix socket at the first', () => '/absent,127.0.0.1', '127.0.0.1'],
    ['the next Unix socket, if there is none at the first', () => `/absent,${folder}`, null],
    ['a Unix socket, if nothing listens at the hosts before', () => `127.0.0.2,${folder}`, null]
  ]
  test.each(lists)('in the order of the list: at %s', async (_, hosts, address) => {
    for (const sslmode of ['disable', 'prefer']) {
      const client = await open({
        url: `postgres:///postgres?user=postgres&host=${hosts()}&port=${cluster.port}&sslmode=${sslmode}`
      })
      expect(await client.query('select host(inet_server_addr()) as address')).toEqual([{ address }])
    }
  })

  test('over Unix sockets only, whatever the TLS mode', async () => {
    const client = await open({
      url: `postgres:///postgres?user=postgres&host=/absent,${folder}&port=${cluster.port}`,
      ssl: 'verify-full'
    })
    expect(await client.query('select inet_server_addr() is null as is_local')).toEqual([{ is_local: true }])
  })

  test.each(['/absent,db', 'db,/absent'])(
    'not with a list of hosts and Unix sockets that requires TLS: %s',
    async hosts => {
      const listed = `postgres:///postgres?user=postgres&password=s3cret&host=${hosts}`
      const advice = /Unix sockets.*TLS.* Remove .*list/
      await expect(openClient({ url: `${listed}&sslmode=require`, poolMax: 1 })).rejects.toThrow(advice)
      await expect(openClient({ url: listed, ssl: 'verify-full', poolMax: 1 })).rejects.toThrow(advice)
      const error = await openClient({ url: url(), listenUrl: listed, ssl: 'require', poolMax: 1 }).catch(
        thrown => thrown
      )
      expect(error.message).toMatch(advice)
      expect(error.message).not.toContain('s3cret')
    }
  )
})

describeWithCluster('the connection for notifications', () => {
  const local = () => `postgres://postgres@/postgres?host=${folder}&port=${cluster.port}`

  test('uses TCP if the listening URL does, beside a database URL with a Unix socket', async () => {
    expect(await listenerOf(await open({ url: local(), listenUrl: url() }))).toMatchObject({ address: '127.0.0.1' })
  })

  test('uses a Unix socket if the listening URL does, beside a database URL with TCP', async () => {
    expect(await listenerOf(await open({ url: url(), listenUrl: local() }))).toMatchObject({ address: null })
  })

  test('has the user, password and database of the database URL if the listening URL has none', async () => {
    const listenUrl = `postgres://127.0.0.1:${cluster.port}`
    expect(await listenerOf(await open({ url: local(), listenUrl }))).toMatchObject({ address: '127.0.0.1' })
  })

  test.each([
    ['is not encrypted with sslmode=disable', 'require', 'disable', {}, false],
    ['is encrypted with sslmode=require', 'disable', 'require', {}, true],
    ['has the sslmode of the database URL if the listening URL has none', 'require', '', {}, true],
    ['is encrypted with DATABASE_SSL=require', 'disable', 'disable', { databaseSsl: 'require' }, true]
  ] as const)('%s', async (_, mode, listenMode, more, isEncrypted) => {
    await serve('good')
    const databaseListenUrl = url('127.0.0.1', listenMode && `?sslmode=${listenMode}`)
    const options = optionsFor({ databaseUrl: url('127.0.0.1', `?sslmode=${mode}`), databaseListenUrl, ...more })
    expect(await listenerOf(await open(options))).toMatchObject({ ssl: isEncrypted })
  })

  test('has the TLS settings beside a client of a host application', async () => {
    await serve('good')
    const sql = postgres(url(), { onnotice: () => {} })
    onTestFinished(() => sql.end({ timeout: 1 }))
    const tls = { ssl: 'verify-full', ca: ca() } as const
    const client = await adoptClient(sql, { listenUrl: url('localhost'), ...tls })
    expect(await listenerOf(client)).toMatchObject({ ssl: true })
  })
})

describeWithCluster('the parameters of a URL', () => {
  const parameters =
    '?sslmode=prefer&channel_binding=prefer&pgbouncer=true&schema=public&connection_limit=5&pool_timeout=3&gssencmode=disable' +
    '&application_name=mine&connect_timeout=4&target_session_attrs=any&options=-c%20geqo%3Doff%20-c%20statement_timeout%3D1' +
    '&work_mem=5MB&ssl_min_protocol_version=TLSv1.2&keepalives_idle=30&client_encoding=latin1'

  test('are sent to the server if they are server settings, and are ignored with one warning if they are not', async () => {
    const warnings: string[] = []
    const client = await open({ url: url('127.0.0.1', parameters), onWarning: sentence => warnings.push(sentence) })
    const [row] =
      await client.query(`select current_setting('application_name') as name, current_setting('geqo') as geqo,
      current_setting('work_mem') as memory, current_setting('statement_timeout') as timeout,
      current_setting('client_encoding') as encoding`)
    expect(row).toEqual({ name: 'mine', geqo: 'off', memory: '5MB', timeout: '10s', encoding: 'UTF8' })
    await client.query('select 1')
    expect(warnings).toHaveLength(1)
    for (const name of ['channel_binding', 'pgbouncer', 'schema', 'connection_limit', 'pool_timeout', 'gssencmode']) {
      expect(warnings[0]).toContain(name)
    }
    expect(warnings[0]).not.toMatch(/sslmode|application_name|work_mem|geqo|secret/)
  })

  test('may be settings that pg_settings does not show, such as role', async () => {
    const warnings: string[] = []
    const databaseUrl = url('127.0.0.1', '?options=-c%20Role%3Dpg_monitor%20-c%20absent%3D1')
    const client = await open({ url: databaseUrl, onWarning: sentence => warnings.push(sentence) })
    expect(await client.query('select current_user as name')).toEqual([{ name: 'pg_monitor' }])
    expect(warnings).toEqual([expect.stringContaining('ignored: absent.')])
    expect(await errorMessageOf({ url: url('127.0.0.1', '?role=absent') })).toMatch(/role "absent" does not exist/)
  })

  test('with an invalid value cause an error with the server’s message', async () => {
    expect(await errorMessageOf({ url: url('127.0.0.1', '?work_mem=much') })).toMatch(
      /invalid value for parameter "work_mem"/
    )
  })
})

describeWithCluster('TLS', () => {
  test.each([
    ['DATABASE_SSL=require', { ssl: 'require' }, ''],
    ['DATABASE_SSL=verify-full', { ssl: 'verify-full' }, ''],
    ['sslmode=require', {}, '?sslmode=require'],
    ['sslmode=verify-ca', {}, '?sslmode=verify-ca'],
    ['ssl=true', {}, '?ssl=true']
  ] as const)('%s fails with advice if the server does not support TLS', async (_, options, parameters) => {
    await serve('none')
    expect(await errorMessageOf({ url: url('localhost', parameters), ...options })).toMatch(
      /Cannot connect to the database.*does not support TLS.*DATABASE_SSL=disable/
    )
  })

  test('is used with a valid certificate, and is not used by default', async () => {
    await serve('good')
    const encrypted = async (options: Partial<ClientOptions>, parameters = '') => {
      const client = await open({ url: url('localhost', parameters), ...options })
      const [row] = await client.query<{ ssl: boolean }>('select ssl from pg_stat_ssl where pid = pg_backend_pid()')
      return row?.ssl
    }
    expect(await encrypted({ ssl: 'verify-full', ca: ca() })).toBe(true)
    expect(await encrypted({ ssl: 'require' })).toBe(true)
    expect(await encrypted({}, '?sslmode=prefer')).toBe(true)
    expect(await encrypted({ ca: ca() }, '?sslmode=verify-ca')).toBe(true)
    expect(await encrypted({})).toBe(false)
    expect(await encrypted({ ssl: 'disable' }, '?sslmode=require')).toBe(false)
  })

  test.each([
    ['sslmode=verify-ca', '?sslmode=verify-ca', {}],
    ['DATABASE_SSL=verify-ca', '', { databaseSsl: 'verify-ca' }]
  ])('verifies the authority of a certificate but not its host name with %s', async (_, parameters, more) => {
    await serve('good')
    const optionsWith = (databaseCa: string) =>
      optionsFor({ databaseUrl: url('127.0.0.1', parameters), databaseCa, ...more })
    const client = await open(optionsWith(ca()))
    expect(await client.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()')).toEqual([{ ssl: true }])
    expect(await errorMessageOf(optionsWith(ca('other')))).toMatch(/authority .* is not trusted/)
    await serve('expired')
    expect(await errorMessageOf(optionsWith(ca()))).toMatch(/certificate has expired/)
  })

  test('fails with the reason why a certificate is not valid', async () => {
    await serve('good')
    const full = { ssl: 'verify-full' } as const
    expect(await errorMessageOf({ url: url('localhost'), ...full })).toMatch(/authority .* is not trusted.*DATABASE_CA/)
    expect(await errorMessageOf({ url: url('localhost'), ...full, ca: ca('other') })).toMatch(
      /authority .* DATABASE_CA/
    )
    expect(await errorMessageOf({ url: url('127.0.0.1'), ...full, ca: ca() })).toMatch(
      /certificate is for another host name/
    )
    await serve('expired')
    expect(await errorMessageOf({ url: url('localhost'), ...full, ca: ca() })).toMatch(/certificate has expired/)
  })
})
