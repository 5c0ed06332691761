import { describe, expect, test } from 'vitest'
import { isDatabaseUrl, nameOfHost, parseDatabaseUrl } from '../../src/lib/database-url.ts'

const at = (host: string, port = 5432) => ({ hosts: [{ host, port }] })

describe('a database URL', () => {
  test.each([
    [
      'postgres://u:p@db.example.com:5433/chat',
      { ...at('db.example.com', 5433), user: 'u', password: 'p', database: 'chat' }
    ],
    ['postgresql://u@h/chat', { ...at('h'), user: 'u', password: undefined }],
    ['postgres://u:p%40%2F%3A@h/ch%20at', { password: 'p@/:', database: 'ch at' }],
    ['postgres://u:p@w@h/chat', { ...at('h'), password: 'p@w' }],
    ['postgres://u:p:q@h/chat', { password: 'p:q' }],
    ['postgres://u:p@[::1]:5433/chat', at('::1', 5433)],
    ['postgres://u:p@[::1]/chat', at('::1')],
    ['postgres://u:p@::1/chat', at('::1')],
    ['postgres://u@[fe80::1%25eth0]/chat', at('fe80::1%eth0')],
    [
      'postgres://u@/chat?host=/run/postgresql',
      { ...at('/run/postgresql'), user: 'u', database: 'chat', parameters: {} }
    ],
    ['postgres://u@localhost/chat?host=/run/postgresql&port=5433', at('/run/postgresql', 5433)],
    ['postgres:///chat?host=/run/postgresql&user=u', { ...at('/run/postgresql'), user: 'u' }],
    ['postgres://%2Frun%2Fpostgresql/chat', at('/run/postgresql')],
    ['postgres://u@%2Frun%2Fpostgresql:5433/chat', at('/run/postgresql', 5433)],
    ['postgres:///chat?host=/run/postgresql/.s.PGSQL.5433', at('/run/postgresql', 5433)],
    ['postgres:///chat?host=::1', at('::1')],
    ['postgres://', { ...at('localhost'), user: undefined, database: undefined }],
    [
      'postgres://a:1,b:2,[::1]:3/chat',
      {
        hosts: [
          { host: 'a', port: 1 },
          { host: 'b', port: 2 },
          { host: '::1', port: 3 }
        ]
      }
    ],
    [
      'postgres://a,b/chat',
      {
        hosts: [
          { host: 'a', port: 5432 },
          { host: 'b', port: 5432 }
        ]
      }
    ],
    [
      'postgres://h/d?sslmode=require&channel_binding=require',
      { sslmode: 'require', parameters: { channel_binding: 'require' } }
    ],
    ['postgres://h/d', { sslmode: undefined }],
    ['postgres://h/d?sslmode=verify-ca&ssl=true', { sslmode: 'verify-ca', parameters: {} }],
    ['postgres://h/d?sslMode=require&Work_Mem=5MB', { sslmode: 'require', parameters: { work_mem: '5MB' } }],
    ['postgres://h/d?sslmode=no-verify', { sslmode: 'require' }],
    ['postgres://h/d?ssl=verify-full', { sslmode: 'verify-full' }],
    ['postgres://h/d?options=-c%20geqo%3Doff', { parameters: { options: '-c geqo=off' } }]
  ])('parses %s', (url, parts) => {
    expect(parseDatabaseUrl(url)).toMatchObject(parts)
  })

  test.each([
    'http://h/d',
    'postgres://u:p#x@h/d',
    'postgres://u:p%zz@h/d',
    'postgres://h:port/d',
    'postgres://h:99999/d',
    'postgres://[::1/d',
    'postgres://[host]/d',
    'postgres://h/d?sslmode=',
    'postgres://h/d?sslmode=Require',
    'postgres://h/d?sslmode=verify_full',
    'postgres://h/d?sslmode=constructor',
    'postgres:///d?host=/run&sslmode=odd',
    'postgres://h/d?sslmode=require&ssl=odd',
    'postgres://h/d?SSLMODE=odd',
    'postgres://h/d?ssl=',
    'postgres://h/d?ssl=2'
  ])('rejects %s', url => {
    expect(isDatabaseUrl(url)).toBe(false)
  })

  test.each([
    ['require', ['1', 'true', 'yes', 'on', 'require', 'no-verify']],
    ['disable', ['0', 'false', 'no', 'off', 'disable']]
  ])('has the sslmode %s if ssl is one of %j', (sslmode, values) => {
    expect(values.map(value => parseDatabaseUrl(`postgres://h/d?ssl=${value}`).sslmode)).toEqual(
      values.map(() => sslmode)
    )
  })

  test.each([
    ['?sslmode=s3cret', /sslmode.*disable, allow, prefer, require, verify-ca or verify-full/],
    ['?ssl=s3cret', /ssl.*true.*false.*sslmode/],
    ['?port=s3cret', /port.*1 to 65535/],
    ['%zz-s3cret', /form postgres:.*Encode special characters/]
  ])('with %j is rejected with advice, and without a part of the URL', (part, advice) => {
    const parse = () => parseDatabaseUrl(`postgres://h${part}`)
    expect(parse).toThrow(advice)
    expect(parse).not.toThrow(/s3cret/)
  })

  test('names the servers of a URL without its password', () => {
    const named = (url: string) => parseDatabaseUrl(url).hosts.map(nameOfHost).join(', ')
    expect(named('postgres://u:p@h:1,[::1]:2/d')).toBe('h:1, [::1]:2')
    expect(named('postgres://u:p@%2Frun%2Fpostgresql/d')).toBe('/run/postgresql')
  })
})
