import { expect, test } from 'vitest'
import { createOrigins, isAllowedByCors, isOwnOrigin, parseOrigin } from '../../src/lib/origins.ts'

test.for([
  ['https://app.example.com', 'https://app.example.com'],
  ['https://App.Example.com', 'https://app.example.com'],
  ['HTTPS://app.example.com:443', 'https://app.example.com'],
  ['http://app.example.com:80', 'http://app.example.com'],
  ['http://app.example.com:443', 'http://app.example.com:443'],
  ['https://app.example.com:8443', 'https://app.example.com:8443'],
  ['http://localhost:5173', 'http://localhost:5173'],
  ['http://[::1]:3000', 'http://[::1]:3000'],
  ['https://bücher.example', 'https://xn--bcher-kva.example'],
  ['https://*.Example.com:443', 'https://*.example.com'],
  ['https://*.example.com:8443', 'https://*.example.com:8443'],
  ['http://*.localhost:3000', 'http://*.localhost:3000'],
  ['capacitor://localhost', 'capacitor://localhost'],
  ['ionic://localhost', 'ionic://localhost'],
  ['tauri://localhost', 'tauri://localhost'],
  ['app://localhost', 'app://localhost'],
  ['hop://localhost', 'hop://localhost'],
  ['tps://localhost', 'tps://localhost'],
  ['com.example.app://localhost', 'com.example.app://localhost'],
  ['http://tauri.localhost', 'http://tauri.localhost'],
  ['chrome-extension://abcdefghijklmnopabcdefghijklmnop', 'chrome-extension://abcdefghijklmnopabcdefghijklmnop'],
  ['moz-extension://2C127FA4-62C7-7E4F-90E5-472B45EECFDC', 'moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc'],
  ['file://', 'file://'],
  ['*', '*']
] as const)('parses %s as %s', ([text, origin]) => {
  expect(parseOrigin(text)).toEqual({ origin })
})

test.for([
  ['app.example.com', /begin with a scheme/],
  ['//app.example.com', /begin with a scheme/],
  ['localhost:3000', /begin with a scheme/],
  ['"https://app.example.com"', /begin with a scheme/],
  ['https://app.example.com/', /end with a slash/],
  ['capacitor://localhost/', /end with a slash/],
  ['https://app.example.com/chat', /a path/],
  ['https://app.example.com?x', /a path, a query/],
  ['https://app.example.com#x', /fragment/],
  ['https://user:secret@app.example.com', /user name or password/],
  ['https://', /must be an origin/],
  ['https:///', /must be an origin/],
  ['https://app example.com', /must be an origin/],
  ['https://app.example.com:99999', /at most 65535/],
  ['https://app.*.com', /only as the first label/],
  ['https://app*.example.com', /only as the first label/],
  ['https://*app.example.com', /only as the first label/],
  ['https://*.*.example.com', /only as the first label/],
  ['https://*', /only as the first label/],
  ['http://localhost:*', /only as the first label/],
  ['capacitor://*.localhost', /only as the first label/],
  ['*://app.example.com', /begin with a scheme/],
  ['*.example.com', /begin with a scheme/],
  ['https://*.com', /top-level domain/],
  ['https://*.10.0.0.1', /no subdomains/],
  ['wss://chat.example.com', /write https:\/\//],
  ['ws://chat.example.com', /write http:\/\//],
  ['htps://app.example.com', /must begin with http:\/\/ or https:\/\//],
  ['htp://app.example.com', /must begin with http:\/\/ or https:\/\//],
  ['ttps://app.example.com', /must begin with http:\/\/ or https:\/\//],
  ['htttps://app.example.com', /must begin with http:\/\/ or https:\/\//],
  ['httpss://app.example.com', /must begin with http:\/\/ or https:\/\//],
  ['httsp://app.example.com', /must begin with http:\/\/ or https:\/\//],
  ['HTPPS://*.example.com', /must begin with http:\/\/ or https:\/\//],
  ['ftp://files.example.com', /no page over FTP/],
  ['null', /any website/],
  ['', /scheme/]
] as const)('rejects %s with the reason', ([text, reason]) => {
  expect(parseOrigin(text)).toEqual({ reason: expect.stringMatching(reason) })
})

test('allows the listed origins, in the form that browsers send', () => {
  const { isAllowed } = createOrigins(
    ['https://App.example.com:443', 'https://*.example.org', 'http://*.local.test:3000', 'capacitor://localhost'],
    'https://public.example/chat'
  )
  const allowed = [
    'https://app.example.com',
    'https://APP.example.com:443',
    'https://a.example.org',
    'https://a.b.example.org',
    'https://a.example.org:443',
    'http://a.local.test:3000',
    'capacitor://localhost',
    'https://public.example'
  ]
  const refused = [
    undefined,
    '',
    'null',
    '*',
    'http://app.example.com',
    'https://app.example.com:8443',
    'https://example.org',
    'https://.example.org',
    'https://evilexample.org',
    'https://a.example.org.evil.example',
    'https://evil.example#.example.org',
    'https://evil.example/.example.org',
    'https://evil.example?.example.org',
    'https://user@a.example.org',
    'https://*.example.org',
    'http://a.example.org',
    'https://a.example.org:8443',
    'http://a.local.test',
    'ionic://localhost',
    'https://a.example.org, https://evil.example',
    `https://${'a.'.repeat(200)}example.org`
  ]
  expect(allowed.filter(origin => !isAllowed(origin))).toEqual([])
  expect(refused.filter(isAllowed)).toEqual([])
  expect(createOrigins(['*']).isAllowed('null')).toBe(true)
  expect(() => createOrigins(['https://a.example/'])).toThrow(/must not end with a slash/)
})

test('does not repeat an invalid origin in the error, because it may contain a password', () => {
  const create = () => createOrigins(['https://john:secret@a.example'])
  expect(create).toThrow(/CORS_ORIGINS/)
  expect(create).not.toThrow(/secret/)
})

test('accepts a page of the request’s own host, with or without the default port', () => {
  expect(isOwnOrigin('https://chat.example.com', 'chat.example.com')).toBe(true)
  expect(isOwnOrigin('https://chat.example.com', 'Chat.example.com:443')).toBe(true)
  expect(isOwnOrigin('http://localhost:8000', 'localhost:8000')).toBe(true)
  expect(isOwnOrigin('http://localhost:8000', 'localhost:8001')).toBe(false)
  expect(isOwnOrigin('https://evil.example', 'chat.example.com')).toBe(false)
  expect(isOwnOrigin('capacitor://localhost', 'localhost')).toBe(false)
  expect(isOwnOrigin('null', '')).toBe(false)
  expect(isOwnOrigin('null', 'null')).toBe(false)
  expect(isOwnOrigin('capacitor://localhost', '')).toBe(false)
})

test('allows a WebSocket with cookies only if the CORS headers allow credentials', () => {
  const headers = (origin: string, credentials?: string) => ({
    'access-control-allow-origin': origin,
    'access-control-allow-credentials': credentials
  })
  const page = 'https://app.example'
  expect(isAllowedByCors({}, page, false)).toBe(false)
  expect(isAllowedByCors(headers('https://other.example', 'true'), page, false)).toBe(false)
  expect(isAllowedByCors(headers(page), page, false)).toBe(true)
  expect(isAllowedByCors(headers('*'), page, false)).toBe(true)
  expect(isAllowedByCors(headers('*', 'true'), page, true)).toBe(false)
  expect(isAllowedByCors(headers(page), page, true)).toBe(false)
  expect(isAllowedByCors(headers(page, 'true'), page, true)).toBe(true)
})
