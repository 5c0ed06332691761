/** Asks questions and reads passwords on the terminal. */
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import { safeLine } from '../tui/safe-text.ts'
import { printToError } from './print.ts'

/** Asks a question that is answered with y or n. Without a terminal, throws an error that names the option `--yes`. */
export const confirm = async (question: string): Promise<boolean> => {
  if (!process.stdin.isTTY) throw new Error('There is no terminal to ask for confirmation. Add the option --yes.')
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  // When Ctrl-C or the end of the input closes the interface, its question stays pending.
  const closed = new Promise<string>(resolve => terminal.once('close', () => resolve('')))
  const reply = await Promise.race([terminal.question(`${safeLine(question)} [y/N] `), closed]).finally(() =>
    terminal.close()
  )
  return /^y(es)?$/i.test(reply.trim())
}

/**
 * Reads a new password. On a terminal, asks twice and hides the input. Without a terminal, reads the first line of the
 * standard input. A password is never an argument, because every user of the machine can list the arguments of processes.
 */
export const readNewPassword = async (): Promise<string> => {
  if (!process.stdin.isTTY) return firstLine()
  const [password = '', repeated] = await askHidden(['Password: ', 'Repeat the password: '])
  if (repeated !== password) throw new Error('The passwords differ. Try again.')
  return password
}

const firstLine = async (): Promise<string> => {
  const lines = createInterface({ input: process.stdin })
  for await (const line of lines) return line
  throw new Error(
    'The standard input contains no password. Send it as the first line, or run the command on a terminal.'
  )
}

/** Discards the output of readline, because readline echoes what the user types. */
const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() })

/** Asks questions without an echo of the answers. */
const askHidden = async (prompts: readonly string[]): Promise<string[]> => {
  // The readline interface turns off the echo of the terminal. The interface stays open during all prompts. The terminal
  // therefore never shows an answer that is typed early or pasted.
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true })
  // Rejects when Ctrl-C or the end of the input closes the interface. If the promise stayed pending, the program would exit
  // with status 0.
  const interrupted = new Promise<never>((_, reject) => terminal.once('close', () => reject(new Error('Cancelled.'))))
  const answers: string[] = []
  try {
    for (const prompt of prompts) {
      printToError(prompt)
      answers.push(await Promise.race([terminal.question(''), interrupted]).finally(() => printToError('\n')))
    }
    return answers
  } finally {
    terminal.close()
    interrupted.catch(() => {})
  }
}
