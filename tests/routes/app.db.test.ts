/** Tests how the page of the web client is served, and which clients are redirected to it. */
import { expect, test } from 'vitest'
import { connectRaw, requestText } from '../support/raw-http.ts'
import { SECRET_KEY } from '../support/settings.ts'
import { startChat } from '../support/start-chat.ts'
import { startHost } from '../support/start-host.ts'

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8'

const entranceFor = (url: string, accept?: string): Promise<Response> =>
  fetch(url, { redirect: 'manual', headers: accept === undefined ? {} : { accept } })

test('a browser at / is redirected to the web client, any other client gets JSON, and Vary lists Accept', async () => {
  const { url } = await startChat()
  const browser = await entranceFor(`${url}/`, BROWSER)
  expect([browser.status, browser.headers.get('location')]).toEqual([302, 'app'])
  expect(browser.headers.get('vary')).toContain('Accept')
  for (const accept of [undefined, '*/*', 'application/json', 'application/json, text/html', 'text/html;q=0.5, */*']) {
    const client = await entranceFor(`${url}/`, accept)
    expect(await client.json()).toMatchObject({ endpoints: { app: '/app' } })
    expect(client.headers.get('vary')).toContain('Accept')
  }
})

test('the page has a strict policy and is revalidated, and its files are cached as immutable', async () => {
  const { call } = await startChat()
  const { status, body, headers } = await call('GET', '/app')
  expect(status).toBe(200)
  expect(headers.get('content-type')).toBe('text/html; charset=utf-8')
  expect(headers.get('content-security-policy')).toContain("default-src 'none'")
  expect(headers.get('content-security-policy')).not.toContain('unsafe')
  expect(headers.get('cache-control')).toBe('no-cache')
  const files = [...String(body).matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file = '']) => file)
  expect(new Set(files.map(file => file.split('.').at(-1)))).toEqual(new Set(['svg', 'js', 'css']))
  for (const file of files) {
    const response = await call('GET', new URL(file, 'http://localhost/app').pathname)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toMatch(/^(text\/javascript|text\/css|image\/svg\+xml)/)
    expect(response.headers.get('cache-control')).toContain('immutable')
    expect(response.headers.get('vary')).toContain('Accept-Encoding')
  }
  expect(await call('GET', '/app/nothing.js')).toMatchObject({ status: 404, body: { code: 'not_found' } })
  expect(await call('GET', '/app/..%2f..%2fpackage.json')).toMatchObject({ status: 404 })
})

test('the page is compressed only for clients that accept it (RFC 9110, 12.5.3)', async () => {
  const { url } = await startChat()
  for (const [accepted, encoding] of [
    ['gzip', 'gzip'],
    ['GZIP;q=0.5', 'gzip'],
    ['deflate, gzip;q=1.0, *;q=0.5', 'gzip'],
    ['*', 'gzip'],
    ['gzip;q=0', undefined],
    ['gzip; q=0.000, *', undefined],
    ['*;q=0', undefined],
    ['identity, gzip;q=0.1', undefined],
    ['x-gzip-like', undefined]
  ] as const) {
    const connection = await connectRaw({ host: '127.0.0.1', port: Number(new URL(url).port) })
    connection.write(requestText('GET /app', { 'accept-encoding': accepted }))
    const { status, headers } = await connection.response()
    expect([status, headers.get('content-encoding')], accepted).toEqual([200, encoding])
  }
})

test('with WEB_CLIENT=false there is no page, and browsers get JSON too', async () => {
  const { call } = await startChat({ settings: { webClient: false } })
  expect(await call('GET', '/app')).toMatchObject({ status: 404 })
  const { body } = await call('GET', '/', { headers: { accept: BROWSER } })
  expect(body.endpoints).not.toHaveProperty('app')
})

test('in a host, the page is mounted below the prefix if it is requested and the chat has its own accounts', async () => {
  const own = await startHost({ pages: ['app', 'entrance'], authenticate: undefined, secretKey: SECRET_KEY })
  expect(await own.call('GET', '/support/app')).toMatchObject({ status: 200 })
  for (const [path, location] of [
    ['/support', 'support/app'],
    ['/support/', 'app']
  ]) {
    const sent = await entranceFor(own.url + path, BROWSER)
    expect([path, sent.headers.get('location')]).toEqual([path, location])
  }
  const withoutPages = await startHost({ authenticate: undefined, secretKey: SECRET_KEY })
  expect(await withoutPages.call('GET', '/support/app')).toMatchObject({ status: 404 })
  const foreign = await startHost({ pages: ['app', 'entrance'] })
  expect(await foreign.call('GET', '/support/app', { as: 'ann' })).toMatchObject({ status: 404 })
})
