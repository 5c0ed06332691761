/** Starts the built service, with auth, encryption and PostgreSQL. */
import { freePort } from '../support/free-port.ts'
import type { BenchDatabase } from './database.ts'
import { connectRaw, type RawClient } from './raw-client.ts'
import { pause } from './rows.ts'
import { measuredOf, type Subject, start } from './subjects.ts'

const PASSWORD = 'SecurePass123'

export interface Service extends Subject {
  readonly tokens: readonly string[]
  readonly url: string
  /** Opens a connection. `query` is the query string of the URL without the token, such as `rooms=`. */
  open(token: string, query?: string): Promise<RawClient>
}

export interface ServiceOptions {
  /** The number of users to register. Each of them gets a token in `tokens`. */
  readonly people?: number
  readonly env?: Readonly<Record<string, string>>
  readonly nodeArgs?: readonly string[]
  /** The program to run. See `useProgram`. */
  readonly program?: string
}

let usedProgram = 'dist/src/cli.js'

/** Sets the program that `startService` runs by default. At first, this is the built service of this working tree. */
export const useProgram = (program = 'dist/src/cli.js'): void => {
  usedProgram = program
}

export const startService = async (
  { url: databaseUrl, secrets }: BenchDatabase,
  { people = 1, env = {}, nodeArgs = [], program = usedProgram }: ServiceOptions = {}
): Promise<Service> => {
  const port = await freePort()
  const child = start(['--max-semi-space-size=32', ...nodeArgs, program, 'serve'], {
    ...secrets,
    DATABASE_URL: databaseUrl,
    HOST: '127.0.0.1',
    PORT: String(port),
    LOG_LEVEL: 'warn',
    BCRYPT_ROUNDS: '4',
    REGISTER_RATE_LIMIT: '0',
    LOGIN_RATE_LIMIT: '0',
    MESSAGE_RATE_LIMIT: '0',
    READ_RATE_LIMIT: '0',
    CONNECTIONS_PER_USER: '0',
    CONNECT_RATE: '0',
    ...env
  })
  child.stdout?.resume()
  const url = `http://127.0.0.1:${port}`
  while (!(await fetch(`${url}/health/live`).catch(() => undefined))?.ok) {
    if (child.exitCode !== null) throw new Error('The service exited before it was ready.')
    await pause(50)
  }
  const tokens: string[] = []
  while (tokens.length < people) {
    const names = Array.from(
      { length: Math.min(20, people - tokens.length) },
      (_, at) => `person-${tokens.length + at}`
    )
    tokens.push(...(await Promise.all(names.map(name => logIn(url, name)))))
  }
  let connected = 0
  const open = (token: string, query = '') => connectRaw(port, `/ws/chat?${query}${query && '&'}token=${token}`)
  const path = () => `/ws/chat?token=${tokens[connected++ % tokens.length]}`
  return {
    ...measuredOf(child),
    name: 'fastify-chat',
    isSocketIo: false,
    port,
    url,
    tokens,
    open,
    path,
    connect: () => connectRaw(port, path()),
    message: text => JSON.stringify({ type: 'message', content: text })
  }
}

/** Registers a user, unless the user exists, and logs the user in. Returns the access token. */
const logIn = async (url: string, username: string): Promise<string> => {
  const call = async (path: string): Promise<{ access_token?: string }> => {
    const body = JSON.stringify({ username, password: PASSWORD })
    const response = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    return (await response.json()) as { access_token?: string }
  }
  const login = await call('/api/auth/login')
  if (login.access_token === undefined) await call('/api/auth/register')
  const { access_token: token } = login.access_token === undefined ? await call('/api/auth/login') : login
  if (token === undefined) throw new Error(`${username} could not log in.`)
  return token
}
