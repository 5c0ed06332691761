/** What the commands say: results on the standard output, errors in words on the standard error. */

import { redactError } from '../lib/redact.ts'
import { safeText } from '../tui/safe-text.ts'

/** Writes lines of a result. */
export const print = (...lines: string[]): void => {
  process.stdout.write(`${lines.join('\n')}\n`)
}

/** Writes what went wrong and what to do, without a stack trace. The text may come from a service or a database. */
export const complain = (error: unknown): void => {
  process.stderr.write(`fastify-chat: ${safeText(inWords(error))}\n`)
}

const inWords = (error: unknown): string => {
  if (!(error instanceof Error)) return 'something that is not an Error was thrown'
  const { code, port } = error as { code?: unknown; port?: unknown }
  if (code === 'EADDRINUSE') return `Port ${port} is in use. Stop the other program, or set PORT to another one.`
  if (code === 'EACCES' && port !== undefined) return `Port ${port} needs more rights. Set PORT to 1024 or above.`
  return redactError(error).message
}
