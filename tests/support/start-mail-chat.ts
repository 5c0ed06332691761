/** Runs the service with an SMTP server in the process of the test. */
import type { Settings } from '../../src/config/settings.ts'
import { type MailServer, type MailServerOptions, startMailServer } from './mail-server.ts'
import { PASSWORD, type RunningChat, type StartOptions, startChat } from './start-chat.ts'

export interface MailChat extends RunningChat {
  readonly mail: MailServer
  /** Registers a user with an address, confirms the address, and logs the user in. */
  verified(username: string, email: string): Promise<{ id: number; token: string }>
  login(username: string, password?: string): Promise<{ status: number; body: Record<string, string> }>
  /** Returns all rows of all tables as text, like a database dump. */
  dump(): Promise<string>
  /** Resolves when all mails in the outbox have been sent. */
  idle(): Promise<void>
}

/** The settings of mail, except `smtpUrl`. */
export const mailValues = { mailFrom: 'Chat <chat@example.com>', publicUrl: 'https://chat.example.com' } as const

/** Starts the service. `settings` contains the changed settings, and `server` contains the options of the SMTP server. */
export const startMailChat = async (
  settings: Partial<Settings> = {},
  server: MailServerOptions = {},
  options: Omit<StartOptions, 'settings'> = {}
): Promise<MailChat> => {
  const mail = await startMailServer(server)
  const chat = await startChat({ settings: { ...mailValues, smtpUrl: mail.url, ...settings }, ...options })
  const { database, call } = chat
  const query = <Row extends object>(text: string): Promise<Row[]> => database.client.query<Row>(text)

  const login: MailChat['login'] = (username, password = PASSWORD) =>
    call('POST', '/api/auth/login', { body: { username, password } })

  return {
    ...chat,
    mail,
    login,
    async verified(username, email) {
      const { body } = await call('POST', '/api/auth/register', { body: { username, password: PASSWORD, email } })
      const [received] = await mail.to(email)
      await call('POST', '/api/auth/email/verify', { body: { token: received?.token } })
      return { id: body.id, token: (await login(username)).body.access_token ?? '' }
    },
    async dump() {
      const tables = await query<{ name: string }>(
        `select table_name as name from information_schema.tables where table_schema = '${database.schema}'`
      )
      const rows = await Promise.all(
        tables.map(({ name }) =>
          query<{ row: string }>(`select t::text as row from "${database.schema}"."${name}" as t`)
        )
      )
      return rows
        .flat()
        .map(({ row }) => row)
        .join('\n')
    },
    async idle() {
      for (;;) {
        const [left] = await query<{ count: number }>(
          `select count(*)::integer as count from "${database.schema}".outbox`
        )
        if (left?.count === 0) return
        await new Promise(resolve => setImmediate(resolve))
      }
    }
  }
}
