/** Tests the TLS options of database connections that tests/db/reach.pg.e2e.test.ts cannot test with a server. */
import type { PeerCertificate } from 'node:tls'
import { expect, test } from 'vitest'
import { connectionOptions } from '../../src/db/client/url-options.ts'
import { parseDatabaseUrl } from '../../src/lib/database-url.ts'

test.for([
  ['verify-ca', 'an authority', undefined],
  ['verify-ca', undefined, 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ['verify-full', 'an authority', 'ERR_TLS_CERT_ALTNAME_INVALID']
] as const)('checks the name in the certificate with %s and DATABASE_CA %s: %s', ([mode, ca, code]) => {
  const url = parseDatabaseUrl(`postgres://db.example/chat?sslmode=${mode}`)
  const { ssl } = connectionOptions(url, { ssl: undefined, ca }) as unknown as {
    ssl: { checkServerIdentity(host: string, certificate: PeerCertificate): { code: string } | undefined }
  }
  const certificate = { subject: { CN: 'other.example' }, subjectaltname: 'DNS:other.example' } as PeerCertificate
  expect(ssl.checkServerIdentity('db.example', certificate)?.code).toBe(code)
})
