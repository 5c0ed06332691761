/**
 * Runs `fastify-chat dev`, the service for development on this machine. If `.env` does not exist, first creates it with the
 * settings that the environment lacks, such as keys.
 */
import { existsSync, watchFile, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { environmentValues, readEnvironment } from '../config/environment.ts'
import type { Resolved } from '../config/resolve.ts'
import { DEV_DATABASE_URL } from '../config/settings/database.ts'
import type { Settings } from '../config/settings.ts'
import { type RunningServer, startServer } from '../server.ts'
import { newKeys } from './keys.ts'
import { print, printError } from './print.ts'

/** Interval in milliseconds at which `.env` is checked for changes. */
const POLL_MS = 500

/**
 * Starts the service, and restarts it when `.env` changes. The service runs until a signal ends it. Rejects if the service
 * can't start.
 */
export const dev = async (): Promise<void> => {
  if (writeFirstEnvironment(process.cwd())) print('Created .env with new keys, for this machine only.')
  let running: RunningServer | undefined
  const restart = async (): Promise<void> => {
    // Resolves the settings before the restart, so that an invalid setting leaves the running service unchanged.
    const resolved = readEnvironment({ mode: 'dev' })
    print('.env has changed. Restarting.')
    const before = running
    running = undefined
    await before?.close()
    running = await start(resolved)
  }
  // Watches `.env` before the first start, so that no change is missed. After a failed restart, the next change of the file
  // causes another restart.
  let turn = Promise.resolve()
  watchFile(resolve(process.cwd(), '.env'), { interval: POLL_MS }, () => {
    turn = turn.then(restart).catch(printError)
  })
  turn = start(readEnvironment({ mode: 'dev' })).then(server => {
    running = server
  })
  await turn
}

const start = async (resolved: Resolved): Promise<RunningServer> => {
  const server = await startServer({
    ...resolved,
    pretty: process.stdout.isTTY,
    printMail: text => print(...text.split('\n'))
  })
  print(...banner(resolved.settings))
  return server
}

/** Creates `.env` with the settings that the environment lacks, unless the file exists. Returns whether it created the file. */
export const writeFirstEnvironment = (cwd: string): boolean => {
  const path = resolve(cwd, '.env')
  if (existsSync(path)) return false
  const given = environmentValues(cwd)
  const { secretKey, encryptionKey } = newKeys()
  const isDatabaseGiven = given.databaseUrl !== undefined || given.databaseHost !== undefined
  const lines = [
    '# Written by the first run of `fastify-chat dev`, for this machine only. .env.example lists every setting.',
    ...(isDatabaseGiven ? [] : [`DATABASE_URL=${DEV_DATABASE_URL}`]),
    ...(given.secretKey === undefined ? [`SECRET_KEY=${secretKey}`] : []),
    ...(given.encryptionKey === undefined ? [`ENCRYPTION_KEY=${encryptionKey}`] : []),
    ...(given.host === undefined ? ['HOST=127.0.0.1'] : [])
  ]
  writeFileSync(path, `${lines.join('\n')}\n`, { mode: 0o600, flag: 'wx' })
  return true
}

const banner = ({ port, databaseUrl, webClient }: Settings): string[] => {
  const at = `localhost:${port}`
  const database = databaseUrl.startsWith('pglite:') ? `embedded, in ${databaseUrl.slice(7)}` : 'PostgreSQL'
  return [
    '',
    `  fastify-chat is ready at http://${at}`,
    '',
    ...(webClient ? [`  Web client      http://${at}/app`] : []),
    `  API documents   http://${at}/docs and /redoc, as OpenAPI at /openapi.json`,
    `  WebSocket       ws://${at}/ws/chat?token=<access_token>`,
    `  Database        ${database}`,
    '',
    '  Next, in another terminal:',
    '',
    `    curl http://${at}/api/auth/register -H 'content-type: application/json' \\`,
    `      -d '{"username":"john","password":"SecurePass123"}'`,
    `    curl http://${at}/api/auth/login -H 'content-type: application/json' \\`,
    `      -d '{"username":"john","password":"SecurePass123"}'`,
    '',
    '  and with its access_token, to chat (each line you type is a frame):',
    '',
    `    npx wscat -c 'ws://${at}/ws/chat?token=<access_token>'`,
    `    > {"type":"message","content":"Hello, world!"}`,
    ''
  ]
}
