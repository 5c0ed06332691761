/** Prints results to standard output, and errors to standard error. */
import { systemClock } from '../lib/clock.ts'
import type { Log } from '../lib/logging.ts'
import { redactError } from '../lib/redact.ts'
import { safeText } from '../tui/safe-text.ts'

export const print = (...lines: string[]): void => {
  process.stdout.write(`${lines.join('\n')}\n`)
}

/**
 * Logs to standard error, in the format of the service's log. Logs nothing if standard error is a terminal, because the user
 * already sees the same information in the output of the command.
 */
export const commandLog: Pick<Log, 'info'> = {
  info(fields, message) {
    if (process.stderr.isTTY) return
    process.stderr.write(
      `${JSON.stringify({ level: INFO, time: systemClock.now(), ...Object(fields), msg: message })}\n`
    )
  }
}

/** The level `info` of pino. */
const INFO = 30

/**
 * Prints an error without its stack trace. The message may contain text from a server or a database, so secrets in the message
 * are redacted and control characters are replaced.
 */
export const printError = (error: unknown): void => {
  process.stderr.write(`fastify-chat: ${safeText(messageOf(error))}\n`)
}

const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return 'The program threw something that is not an Error. Report this as a bug.'
  const { code, port } = error as { code?: unknown; port?: unknown }
  if (code === 'EADDRINUSE') return `Port ${port} is in use. Stop the other program, or set PORT to another port.`
  if (code === 'EACCES' && port !== undefined)
    return `Port ${port} requires more privileges. Set PORT to 1024 or above.`
  return redactError(error).message
}
