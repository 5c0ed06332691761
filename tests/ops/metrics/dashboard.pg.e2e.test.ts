/**
 * Tests the dashboard and the alert rules with a real Prometheus that scrapes the built service. Also tests that the scraped
 * text contains no secret and nothing that a user wrote.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import postgres from 'postgres'
import { expect, onTestFinished, test } from 'vitest'
import { parse } from 'yaml'
import { createKeyring } from '../../../src/crypto/keyring.ts'
import { startBuilt } from '../../support/built-service.ts'
import { testDatabaseUrl } from '../../support/database.ts'
import { describeWithPrometheus, promtool, startPrometheus } from '../../support/prometheus.ts'
import { ENCRYPTION_KEY, SECRET_KEY } from '../../support/settings.ts'
import { connect } from '../../support/socket-client.ts'
import { PASSWORD } from '../../support/start-chat.ts'

const root = join(import.meta.dirname, '../../..')
const read = (path: string): string => readFileSync(join(root, path), 'utf8')
const TOKEN = 'metrics-token-0123456789'
const TEXT = 'a text that nobody else may read'

interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string }[]
}

const panels: Panel[] = JSON.parse(read('deploy/grafana/fastify-chat.json')).panels
const rules: { alert: string; expr: string }[] = parse(read('deploy/prometheus/alerts.yml')).groups[0].rules

/** Replaces the variables of Grafana, and shortens ranges of one hour to one minute. */
const inPrometheus = (expr: string): string =>
  expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*').replaceAll('[1h]', '[1m]')

/** Removes the comparison from an alert's expression, so that the query returns a series even if the alert does not fire. */
const withoutThreshold = (expr: string): string => expr.replace(/\s*(?:==|>) [\d.* ]+$/, '')

const post = async (url: string, body: object, token?: string) => {
  const headers = { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) }
  return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).json()
}

/** Causes one event of each kind that the dashboard shows. */
const use = async (url: string): Promise<string> => {
  await post(`${url}/api/auth/register`, { username: 'ann-unique', password: PASSWORD })
  const { access_token: token } = await post(`${url}/api/auth/login`, { username: 'ann-unique', password: PASSWORD })
  await post(`${url}/api/auth/login`, { username: 'ann-unique', password: 'WrongPass123' })
  const socket = await connect(`${url.replace('http', 'ws')}/ws/chat?token=${token}`)
  socket.send({ type: 'message', content: TEXT, nonce: 'one' })
  await socket.nextOf('ack')
  socket.send({ type: 'subscribe', room: 'general', after: 0, ref: 'again' })
  await socket.nextOf('subscribed')
  // The last connections exceed MAX_CONNECTIONS, and get a 503.
  const others = []
  for (let at = 0; at < 4; at++)
    others.push(await connect(`${url.replace('http', 'ws')}/ws/chat?token=${token}`).catch(() => undefined))
  expect(others).toContain(undefined)
  for (const other of others) await other?.close()
  return token
}

/** Records when the current key was first used, if the service has not done so. */
const recordKey = async (databaseUrl: string): Promise<void> => {
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => {} })
  onTestFinished(() => sql.end())
  const { currentKeyId } = createKeyring({ current: ENCRYPTION_KEY, now: () => 0 })
  await sql`create table if not exists keys (key_id text primary key, first_used_at timestamptz not null default now(), gone_at timestamptz)`
  await sql`insert into keys (key_id) values (${currentKeyId}) on conflict do nothing`
}

describeWithPrometheus('with Prometheus', () => {
  test('every query of the dashboard and of the alerts returns a series', async () => {
    const databaseUrl = await testDatabaseUrl()
    const { url, output } = await startBuilt({ DATABASE_URL: databaseUrl, METRICS_TOKEN: TOKEN, MAX_CONNECTIONS: '4' })
    await recordKey(databaseUrl)
    const prometheus = await startPrometheus(new URL(url).host, TOKEN)
    const token = await use(url)
    // A rate needs events between two scrapes, so the test causes all events again after the first scrape.
    await expect.poll(() => prometheus.query('chat_connections == 1')).toHaveLength(1)
    await use(url)
    const ofPanels = panels.flatMap(({ title, targets = [] }) =>
      targets.map(({ expr }) => [title, inPrometheus(expr)] as const)
    )
    expect(ofPanels.length).toBeGreaterThan(40)
    // Leaves out the rules about Redis, because the service of this test has no Redis.
    const ofRules = rules
      .filter(({ expr }) => !expr.includes('driver="redis"'))
      .map(({ alert, expr }) => [alert, withoutThreshold(expr)] as const)
    const withoutSeries = async (): Promise<string[]> => {
      const results = [...ofPanels, ...ofRules].map(async ([title, query]) => {
        const series = await prometheus.query(query)
        return series.length === 0 ? [`${title}: ${query}`] : []
      })
      return (await Promise.all(results)).flat()
    }
    await expect.poll(withoutSeries, { interval: 500 }).toEqual([])
    const scraped = await (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${TOKEN}` } })).text()
    for (const secret of [TEXT, 'unique', 'general', PASSWORD, TOKEN, SECRET_KEY, ENCRYPTION_KEY, token, '127.0.0.1'])
      expect(scraped).not.toContain(secret)
    expect(output()).not.toContain(TOKEN)
  })

  test('each alert fires for its fault, and none for a healthy service', async () => {
    expect(await promtool('test', 'rules', join(import.meta.dirname, 'alerts.test.yml'))).toContain('SUCCESS')
    const tested = new Set(
      parse(read('tests/ops/metrics/alerts.test.yml')).tests.map(({ name }: { name: string }) => name)
    )
    expect(rules.map(({ alert }) => alert).filter(alert => !tested.has(alert))).toEqual([])
  })
})

test('docs/operations.md has a section for each alert', () => {
  const headings = new Set([...read('docs/operations.md').matchAll(/^### (Chat\w+)$/gm)].map(([, name]) => name))
  expect([...headings].sort()).toEqual(rules.map(({ alert }) => alert).sort())
})
