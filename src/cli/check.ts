/** Runs `fastify-chat check`: tries everything on which the service depends. Exits with 1 if a check failed. */
import { readEnvironment } from '../config/environment.ts'
import type { Settings } from '../config/settings.ts'
import { openClient } from '../db/client/open.ts'
import { redactError } from '../lib/redact.ts'
import { withTimeout } from '../lib/timeout.ts'
import { type Check, databaseChecks } from './check/database.ts'
import { serviceChecks } from './check/service.ts'
import { print } from './print.ts'

/** Timeout of each check in milliseconds. */
const TIMEOUT_MS = 15_000

/** Runs a check and prints its result, or what failed and what to do. Returns whether it succeeded. */
const runCheck = async ({ name, run }: Check): Promise<boolean> => {
  // The error of the settings has a line for each bad setting.
  const show = (state: string, text: string): void =>
    print(...`${state.padEnd(7)} ${name.padEnd(12)} ${text}`.split('\n'))
  try {
    show('ok', await withTimeout(TIMEOUT_MS, 'the check', run()))
    return true
  } catch (error) {
    show('failed', redactError(error).message)
    return false
  }
}

const runAll = async (checks: readonly Check[]): Promise<boolean> => {
  let areAllOk = true
  for (const check of checks) areAllOk = (await runCheck(check)) && areAllOk
  return areAllOk
}

/** Runs `check`. Sets the exit code. */
export const check = async (): Promise<void> => {
  let settings: Settings | undefined
  const read: Check = {
    name: 'settings',
    run: async () => {
      const resolved = readEnvironment({ mode: 'production' })
      settings = resolved.settings
      return resolved.warnings.length === 0 ? 'complete' : `complete. ${resolved.warnings.join(' ')}`
    }
  }
  const isOk = (await runCheck(read)) && settings !== undefined && (await checkWith(settings))
  process.exitCode = isOk ? 0 : 1
}

const checkWith = async (settings: Settings): Promise<boolean> => {
  const { databaseUrl: url, databaseSsl: ssl, databaseCa: ca, databaseListenUrl: listenUrl } = settings
  const client = await openClient({ url, ssl, ca, listenUrl, poolMax: 2 })
  try {
    const [connect, ...others] = databaseChecks(client, settings)
    // Without a connection, every other check of the database would fail for the same reason, so these checks are skipped.
    const isConnected = connect === undefined || (await runCheck(connect))
    const areDatabaseOk = isConnected && (await runAll(others))
    return (await runAll(serviceChecks(settings))) && areDatabaseOk
  } finally {
    await client.close()
  }
}
