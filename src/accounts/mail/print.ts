/** Prints mails instead of sending them, for development without an SMTP server. */
import type { SendMail } from './smtp.ts'

/** Returns a function that prints each mail. */
export const printTo =
  (print: (text: string) => void): SendMail =>
  async ({ to, subject, text }) =>
    print(
      [
        '',
        `  Mail to ${to}: ${subject}`,
        '',
        ...text
          .trimEnd()
          .split('\n')
          .map(line => `    ${line}`.trimEnd()),
        ''
      ].join('\n')
    )
