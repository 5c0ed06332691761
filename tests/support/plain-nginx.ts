/** Writes a configuration of nginx that runs `deploy/nginx.conf` without TLS, for the tests that start several processes. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const SHIPPED = join(import.meta.dirname, '../../deploy/nginx.conf')

export interface PlainNginx {
  /** The arguments of nginx. It stays in the foreground. */
  readonly args: readonly string[]
  /** Returns the requests in the access log, which has the format of `deploy/nginx.conf`. */
  requests(): LoggedRequest[]
}

export interface LoggedRequest {
  /** The method and the path. */
  readonly request: string
  readonly status: number
  /** The status of each attempt to reach a process, in order, such as `503, 502`. */
  readonly tried: string
}

const LINE = /"(\w+ \S+)" (\d{3}) \S+ "(.*)"$/gm

const readRequests = (log: string): LoggedRequest[] =>
  [...readFileSync(log, 'utf8').matchAll(LINE)].map(([, request = '', status, tried = '']) => ({
    request,
    status: Number(status),
    tried
  }))

/** Writes the files into `folder`. nginx listens on `port` of 127.0.0.1, and forwards to the processes on `upstreams`. */
export const writePlainNginx = (folder: string, port: number, upstreams: readonly number[]): PlainNginx => {
  const site = readFileSync(SHIPPED, 'utf8')
    .replace(/^ {4}server 127\.0\.0\.1:8000 (.*)$/m, upstreams.map(one => `server 127.0.0.1:${one} $1`).join('\n'))
    .replace(/server \{\n {4}listen 80;[\s\S]*?\n\}\n/, '')
    .replace('listen 443 ssl;', `listen 127.0.0.1:${port};`)
    .replaceAll(/^ {4}ssl_.*\n/gm, '')
    .replaceAll('/var/log/nginx/', `${folder}/`)
  writeFileSync(join(folder, 'site.conf'), site)
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${folder}/t;`)
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  writeFileSync(
    join(folder, 'main.conf'),
    `daemon off; pid ${folder}/pid; ${user} worker_processes 1; error_log stderr; events {}
     http { ${temporary.join(' ')} include ${folder}/site.conf; }`
  )
  return {
    args: ['-p', folder, '-e', 'stderr', '-c', 'main.conf'],
    requests: () => readRequests(join(folder, 'fastify-chat.log'))
  }
}
