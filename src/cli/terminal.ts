/** Asks questions and reads passwords on the terminal. */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'

/** Asks a question that is answered with y or n. Without a terminal, throws an error that names the option `--yes`. */
export const confirm = async (question: string): Promise<boolean> => {
  if (!process.stdin.isTTY) throw new Error('There is no terminal to ask for confirmation. Add the option --yes.')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const reply = await terminal.question(`${question} [y/N] `).finally(() => terminal.close())
  return /^y(es)?$/i.test(reply.trim())
}

/**
 * Reads a new password: on a terminal twice and without showing it, else the first line of the standard input. Passwords are never
 * arguments, because every user of the machine can list the arguments of processes.
 */
export const readNewPassword = async (): Promise<string> => {
  if (!process.stdin.isTTY) return firstLine()
  const password = await askHidden('Password: ')
  if ((await askHidden('Repeat the password: ')) !== password) throw new Error('The passwords differ. Try again.')
  return password
}

const firstLine = async (): Promise<string> => {
  const lines = createInterface({ input: process.stdin })
  for await (const line of lines) return line
  throw new Error(
    'The standard input contains no password. Send it as the first line, or run the command on a terminal.'
  )
}

/** Shows nothing of what readline writes, which is what the user types. */
const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })

const askHidden = async (prompt: string): Promise<string> => {
  process.stderr.write(prompt)
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  // Ctrl-C and the end of the input leave the question without an answer, so the program would end with success.
  const interrupted = new Promise<never>((_, reject) => terminal.once('close', () => reject(new Error('Cancelled.'))))
  try {
    return await Promise.race([terminal.question(''), interrupted])
  } finally {
    terminal.close()
    interrupted.catch(() => {})
    process.stderr.write('\n')
  }
}
