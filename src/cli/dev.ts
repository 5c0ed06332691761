/** `fastify-chat dev`: the service on this machine, with everything it needs made on the first run. */
import { existsSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { environmentValues, readEnvironment } from '../../plugins/config.ts'
import type { Settings } from '../schemas/settings.ts'
import { startServer } from '../server.ts'
import { newKeys } from './keys.ts'
import { print } from './print.ts'

/** Runs the service until a signal ends it. */
export const dev = async (): Promise<void> => {
  if (writeFirstEnvironment(process.cwd())) print('Wrote .env with new keys, for this machine only.')
  const resolved = readEnvironment({ mode: 'dev' })
  await startServer({ ...resolved, pretty: process.stdout.isTTY })
  print(...banner(resolved.settings))
}

/** Writes `.env` with what is not set yet; answers whether it did. An existing file is never touched. */
export const writeFirstEnvironment = (cwd: string): boolean => {
  const path = resolve(cwd, '.env')
  if (existsSync(path)) return false
  const given = environmentValues(cwd)
  const { secretKey, encryptionKey } = newKeys()
  const isDatabaseGiven = given.databaseUrl !== undefined || given.databaseHost !== undefined
  const lines = [
    '# Written by the first run of `fastify-chat dev`, for this machine only. .env.example lists every setting.',
    ...(isDatabaseGiven ? [] : ['DATABASE_URL=pglite:.data/chat']),
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
    ...(webClient ? [`  The page        http://${at}/app`] : []),
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
