/**
 * Runs nginx and Caddy with the configurations in `deploy/`. Changes only two kinds of settings: those that every deployment
 * has to change (for example ports), and those that require Internet access.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { onTestFinished } from 'vitest'
import { acceptsConnections } from '../support/accepts-connections.ts'
import { freePort } from '../support/free-port.ts'
import { findProgram } from '../support/programs.ts'

export const DOMAIN = 'chat.example.com'
const DEPLOY = join(import.meta.dirname, '../../deploy')
/**
 * Timeout for a start, in milliseconds. When Caddy 2.6 cleans its storage, it may delete the certificate that it is creating. It
 * then tries again after 60 s.
 */
const START_MS = 100_000

/** A running proxy in front of a service. It accepts TLS connections for DOMAIN on 127.0.0.1. */
export interface Front {
  readonly port: number
  /** The port for plain HTTP, where every request is redirected to HTTPS. */
  readonly plainPort?: number
  /** Returns the certificate, in PEM format, that a client must trust in order to connect. */
  readonly ca: () => string
  /** Returns all log lines of the proxy so far. */
  readonly log: () => string
}

/** A kind of proxy. `start` runs the proxy in front of the service on the port `upstream`. */
export interface Proxy {
  readonly name: 'nginx' | 'caddy'
  start(upstream: number): Promise<Front>
}

const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'chat-front-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

interface Started {
  readonly env?: Record<string, string>
  /** Returns whether the program is ready. `output` is what the program has written to standard error so far. */
  readonly isUp: (output: string) => boolean | Promise<boolean>
}

/**
 * Starts a program, and stops it when the test ends. Waits until the program is ready. Returns a function that returns the
 * standard error of the program.
 */
const startProgram = async (path: string, args: string[], { env = {}, isUp }: Started) => {
  const child = spawn(path, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] })
  let output = ''
  child.stderr.on('data', data => {
    output += data
  })
  const ended = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGTERM')
    await ended
  })
  const deadline = Date.now() + START_MS
  while (!(await isUp(output))) {
    if (child.exitCode !== null || Date.now() > deadline)
      throw new Error(`${path} did not become ready. It printed: ${output}`)
    await delay(20)
  }
  return () => output
}

const completesTlsHandshake = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connectTls({ port, host: '127.0.0.1', servername: DOMAIN, rejectUnauthorized: false })
    socket.once('secureConnect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('secureConnect', () => socket.destroy())
  })

/**
 * Replaces `from` in the text of a shipped file. Throws if `from` does not occur exactly `times` times, because the file has
 * then changed and this test must be adapted.
 */
const replaced = (text: string, from: string, to: string, times: number): string => {
  const parts = text.split(from)
  if (parts.length - 1 !== times) throw new Error(`"${from}" occurs ${parts.length - 1} times instead of ${times}.`)
  return parts.join(to)
}

export const nginx: Proxy = {
  name: 'nginx',
  async start(upstream) {
    const folder = newFolder()
    const [port, plainPort] = [await freePort(), await freePort()]
    const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
    const subject = ['-subj', `/CN=${DOMAIN}`, '-addext', `subjectAltName=DNS:${DOMAIN}`]
    const files = ['-keyout', key, '-out', certificate]
    const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '1']
    execFileSync('openssl', [...made, ...files, ...subject], { stdio: 'ignore' })

    let site = readFileSync(join(DEPLOY, 'nginx.conf'), 'utf8')
    site = replaced(site, 'server 127.0.0.1:8000 ', `server 127.0.0.1:${upstream} `, 1)
    site = replaced(site, 'listen 80;', `listen 127.0.0.1:${plainPort};`, 1)
    site = replaced(site, 'listen 443 ssl;', `listen 127.0.0.1:${port} ssl;`, 1)
    site = replaced(site, `/etc/ssl/${DOMAIN}.pem`, certificate, 1)
    site = replaced(site, `/etc/ssl/${DOMAIN}.key`, key, 1)
    site = replaced(site, '/var/log/nginx/', `${folder}/`, 2)
    writeFileSync(join(folder, 'site.conf'), site)
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(name => `${name}_temp_path ${folder}/t;`)
    const user = process.getuid?.() === 0 ? 'user root;' : ''
    const main = `daemon off; pid ${folder}/pid; ${user} worker_processes 1; error_log stderr; events {}
      http { ${temporary.join(' ')} include ${folder}/site.conf; }`
    writeFileSync(join(folder, 'main.conf'), main)
    const output = await startProgram(findProgram('nginx') ?? '', ['-p', folder, '-e', 'stderr', '-c', 'main.conf'], {
      isUp: () => acceptsConnections(port)
    })
    const logs = ['fastify-chat.log', 'error.log'].map(name => join(folder, name))
    const log = () => [output(), ...logs.map(path => readFileSync(path, 'utf8'))].join('')
    return { port, plainPort, ca: () => readFileSync(certificate, 'utf8'), log }
  }
}

export const caddy: Proxy = {
  name: 'caddy',
  async start(upstream) {
    const folder = newFolder()
    const port = await freePort()
    // Caddy issues its certificates itself, because the test has no Internet access.
    const offline = `
      admin off
      local_certs
      skip_install_trust
      auto_https disable_redirects
      default_bind 127.0.0.1
      storage file_system ${folder}/storage`
    const shipped = readFileSync(join(DEPLOY, 'Caddyfile'), 'utf8')
    writeFileSync(join(folder, 'Caddyfile'), replaced(shipped, '\n{\n', `\n{${offline}\n`, 1))
    const log = await startProgram(findProgram('caddy') ?? '', ['run', '--config', join(folder, 'Caddyfile')], {
      env: { CHAT_SITE: `${DOMAIN}:${port}`, CHAT_UPSTREAMS: `127.0.0.1:${upstream}`, HOME: folder },
      // Waits for a TLS handshake, because Caddy uses a new certificate only some time after it has logged that it has the
      // certificate.
      isUp: () => completesTlsHandshake(port)
    })
    const authority = join(folder, 'storage/pki/authorities/local/root.crt')
    return { port, ca: () => readFileSync(authority, 'utf8'), log }
  }
}

/** Sends an HTTPS request to a proxy, from one of this machine's loopback addresses. */
export const sendRequest = async (
  { port, ca }: Front,
  path: string,
  { from = '127.0.0.1', headers = {}, body }: { from?: string; headers?: Record<string, string>; body?: string } = {}
) => {
  const sent = request({
    host: '127.0.0.1',
    port,
    path,
    method: body === undefined ? 'GET' : 'POST',
    localAddress: from,
    servername: DOMAIN,
    ca: ca(),
    agent: false,
    headers: {
      host: `${DOMAIN}:${port}`,
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': String(Buffer.byteLength(body)) }),
      ...headers
    }
  })
  sent.end(body)
  const [response] = await once(sent, 'response')
  let text = ''
  for await (const part of response) text += part
  return { status: response.statusCode as number, headers: response.headers, text }
}
