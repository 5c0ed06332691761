/**
 * Prints results to standard output, and notes and errors to standard error. What a command prints may contain the names of users
 * and rooms, and messages of servers. So the functions of this file escape control characters, and commands do not write to the
 * terminal directly.
 */
import { systemClock } from '../lib/clock.ts'
import type { Log } from '../lib/logging.ts'
import { redactError } from '../lib/redact.ts'
import { safeJson, safeLine, safeText } from '../tui/safe-text.ts'

/** Prints each text as one line. A line break in a text is printed as a space, because a name could otherwise look like a row. */
export const print = (...lines: string[]): void => {
  process.stdout.write(`${lines.map(safeLine).join('\n')}\n`)
}

/** Prints lines of JSON. A line may end only between two values. */
export const printJson = (...lines: string[]): void => {
  process.stdout.write(`${lines.map(safeJson).join('\n')}\n`)
}

/** Prints a line that is not part of the result. */
export const printNote = (line: string): void => printToError(`${safeLine(line)}\n`)

/** Prints a text of any number of lines to standard error. */
export const printToError = (text: string): void => {
  process.stderr.write(safeText(text))
}

/**
 * Logs to standard error, in the format of the service's log. Logs nothing if standard error is a terminal, because the user
 * already sees the same information in the output of the command.
 */
export const commandLog: Pick<Log, 'info'> = {
  info(fields, message) {
    if (process.stderr.isTTY) return
    const line = JSON.stringify({ level: INFO, time: systemClock.now(), ...Object(fields), msg: message })
    process.stderr.write(`${safeJson(line)}\n`)
  }
}

/** The level `info` of pino. */
const INFO = 30

/**
 * Prints an error without its stack trace. The message may contain text from a server or a database, so secrets in the message
 * are redacted.
 */
export const printError = (error: unknown): void => printToError(`fastify-chat: ${messageOf(error)}\n`)

const messageOf = (error: unknown): string => {
  if (!(error instanceof Error)) return 'The program threw something that is not an Error. Report this as a bug.'
  const { code, port } = error as { code?: unknown; port?: unknown }
  if (code === 'EADDRINUSE') return `Port ${port} is in use. Stop the other program, or set PORT to another port.`
  if (code === 'EACCES' && port !== undefined)
    return `Port ${port} requires more privileges. Set PORT to 1024 or above.`
  return redactError(error).message
}
