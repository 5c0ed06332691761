/** Runs Prometheus, and queries it. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, onTestFinished } from 'vitest'
import { freePort } from './free-port.ts'
import { requireProgram } from './programs.ts'
import { isAvailable } from './requirements.ts'

export const describeWithPrometheus = describe.runIf(isAvailable('prometheus'))

/** Runs promtool. Resolves with its output, or rejects with an error that contains the output. */
export const promtool = async (...args: string[]): Promise<string> => {
  const { stdout } = await promisify(execFile)(requireProgram('promtool'), args)
  return stdout
}

/** A time series in the response to a query. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [time: number, value: string]
}

export interface Prometheus {
  /** Returns the series of a query at the current time. */
  query(expression: string): Promise<Series[]>
}

/** Starts Prometheus, and stops it when the test ends. It scrapes `target` (`host:port`) twice a second with a bearer token. */
export const startPrometheus = async (target: string, token: string): Promise<Prometheus> => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-prometheus-'))
  const port = await freePort()
  const job = {
    job_name: 'fastify-chat',
    scrape_interval: '500ms',
    scrape_timeout: '500ms',
    authorization: { credentials: token },
    static_configs: [{ targets: [target] }]
  }
  // JSON is also YAML.
  writeFileSync(join(folder, 'prometheus.yml'), JSON.stringify({ scrape_configs: [job] }))
  const child = spawn(
    requireProgram('prometheus'),
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`
    ],
    { stdio: ['ignore', 'ignore', 'ignore'] }
  )
  const ended = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    async query(expression) {
      const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(expression)}`
      const response = await fetch(url).catch(() => undefined)
      // Prometheus responds with 503 until it has started.
      if (!response || response.status === 503) return []
      const { status, data, error } = await response.json()
      if (status !== 'success') throw new Error(`Prometheus rejects the query ${expression}: ${error}`)
      return data.result
    }
  }
}
