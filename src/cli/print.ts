/** Prints results to standard output, and errors to standard error. */

import { redactError } from '../lib/redact.ts'
import { safeText } from '../tui/safe-text.ts'

export const print = (...lines: string[]): void => {
  process.stdout.write(`${lines.join('\n')}\n`)
}

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
