/** Runs Prometheus with the shipped alert rules, and reports which alerts and metrics showed a fault. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../support/free-port.ts'
import { isOk, run, until } from './programs.ts'

export interface Monitor {
  /** Returns the names of the alerts that fired since a time (milliseconds since the epoch). */
  firedSince(ms: number): Promise<string[]>
  stop(): Promise<void>
}

const RULES = join(import.meta.dirname, '../../deploy/prometheus/alerts.yml')

/** Scrapes the given ports every second. The alerts fire at once, because the faults of the drill are shorter than their `for`. */
export const startMonitor = async (prometheus: string, ports: readonly number[]): Promise<Monitor> => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-drill-prometheus-'))
  const port = await freePort()
  writeFileSync(join(folder, 'rules.yml'), readFileSync(RULES, 'utf8').replace(/^(\s*for:).*$/gm, '$1 0s'))
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
      return [...new Set(fired.map(({ metric }) => metric.alertname ?? ''))].sort()
    },
    async stop() {
      await program.stop()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}
