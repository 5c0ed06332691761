/** Runs Prometheus with the shipped alert rules, and reports which alerts and metrics showed a fault. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse } from 'yaml'
import { freePort } from '../support/free-port.ts'
import { isOk, run, until } from './programs.ts'

export interface Monitor {
  /** Returns the alerts that fired since a time (milliseconds since the epoch), each with the metrics that it watches. */
  firedSince(ms: number): Promise<string[]>
  stop(): Promise<void>
}

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[]
}

const RULES = join(import.meta.dirname, '../../deploy/prometheus/alerts.yml')

/** Matches the name of a metric in an expression of PromQL. */
const METRIC = /\b(?:chat|process|nodejs)_\w+|\bup\b/g

/**
 * Scrapes the given ports every second. Sets the `for` of every alert to 0 s, because the faults of the drill are shorter than
 * the `for` in the shipped alert rules.
 */
export const startMonitor = async (prometheus: string, ports: readonly number[]): Promise<Monitor> => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-drill-prometheus-'))
  const port = await freePort()
  const rules = readFileSync(RULES, 'utf8')
  const metricsOf = new Map(
    (parse(rules) as Rules).groups
      .flatMap(group => group.rules)
      .map(({ alert, expr }) => [alert, [...new Set(expr.match(METRIC))].join(', ')])
  )
  writeFileSync(join(folder, 'rules.yml'), rules.replace(/^(\s*for:).*$/gm, '$1 0s'))
  writeFileSync(
    join(folder, 'prometheus.yml'),
    JSON.stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ['rules.yml'],
      scrape_configs: [
        { job_name: 'fastify-chat', static_configs: [{ targets: ports.map(one => `127.0.0.1:${one}`) }] }
      ]
    })
  )
  const program = run(prometheus, [
    `--config.file=${folder}/prometheus.yml`,
    `--storage.tsdb.path=${folder}/data`,
    `--web.listen-address=127.0.0.1:${port}`
  ])
  await until('Prometheus is ready', () => isOk(`http://127.0.0.1:${port}/-/ready`))

  const query = async (expression: string): Promise<{ metric: Record<string, string>; value: [number, string] }[]> => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`)
    const { data } = (await response.json()) as { data: { result: never[] } }
    return data.result
  }

  return {
    async firedSince(ms) {
      const seconds = Math.max(1, Math.ceil((Date.now() - ms) / 1000))
      const fired = await query(`max_over_time(ALERTS{alertstate="firing"}[${seconds}s])`)
      const names = new Set(fired.map(({ metric }) => metric.alertname ?? ''))
      return [...names].sort().map(name => `${name} (${metricsOf.get(name)})`)
    },
    async stop() {
      await program.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
