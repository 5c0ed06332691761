/** Runs an SMTP server in the process of a test. The server accepts, refuses or delays mails. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'
import { onTestFinished } from 'vitest'

/** A mail that the server received. */
export interface ReceivedMail {
  readonly to: string
  readonly messageId: string
  readonly subject: string
  readonly text: string
  readonly raw: string
  /** The link in the text. */
  readonly link: string | undefined
  /** The token in the fragment of the link. */
  readonly token: string
}

export interface MailServer {
  readonly url: string
  /** All mails that the server has received. */
  readonly mails: readonly ReceivedMail[]
  /** Resolves with the mails to an address, newest first, when there are `count` of them. */
  to(address: string, count?: number): Promise<ReceivedMail[]>
  /** The recipients of every attempt, including those that were refused. */
  readonly attempts: readonly string[]
  /** Ends all connections and stops listening. */
  stop(): Promise<void>
  /** Listens again, on the same port. */
  restart(): Promise<void>
}

export interface MailServerOptions {
  /**
   * Decides whether to accept a recipient. Throws `smtpError` to refuse the recipient. The server responds when the returned
   * promise has settled.
   */
  readonly onRecipient?: (address: string) => unknown
  /** Decides whether to accept a mail that was received completely. */
  readonly onData?: (address: string) => unknown
  /** The only accepted user and password. */
  readonly login?: readonly [user: string, password: string]
  readonly port?: number
}

/** Returns an error with which the server refuses a recipient or a mail. */
export const smtpError = (responseCode: number, message: string): Error =>
  Object.assign(new Error(message), { responseCode })

const decoded = (part: string): string => {
  const [head = '', ...rest] = part.split('\r\n\r\n')
  const body = rest.join('\r\n\r\n')
  if (/base64/i.test(head)) return Buffer.from(body, 'base64').toString()
  if (!/quoted-printable/i.test(head)) return body
  return body
    .replace(/=\r\n/g, '')
    .replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}

const parse = (to: string, raw: string): ReceivedMail => {
  const header = (name: string): string => new RegExp(`^${name}: (.*(?:\\r\\n[ \\t].*)*)`, 'im').exec(raw)?.[1] ?? ''
  const boundary = /boundary="([^"]+)"/.exec(raw)?.[1] ?? ''
  const text = decoded(raw.split(`--${boundary}`).find(part => /text\/plain/.test(part)) ?? '')
  const link = /https?:\/\/\S+/.exec(text)?.[0]
  return {
    to,
    messageId: header('Message-ID'),
    subject: header('Subject').replace(/\r\n\s/g, ' '),
    text,
    raw,
    link,
    token: /#\w+=(.*)$/.exec(link ?? '')?.[1] ?? ''
  }
}

/** Starts a server. It is stopped when the test ends. */
export const startMailServer = async (options: MailServerOptions = {}): Promise<MailServer> => {
  const { onRecipient, onData, login } = options
  const mails: ReceivedMail[] = []
  const attempts: string[] = []
  const waiting = new Set<() => void>()
  let port = options.port ?? 0
  let server: SMTPServer | undefined

  const start = async (): Promise<void> => {
    const started = new SMTPServer({
      disabledCommands: login ? ['STARTTLS'] : ['STARTTLS', 'AUTH'],
      allowInsecureAuth: true,
      authOptional: !login,
      closeTimeout: 1,
      onAuth({ username, password }, _session, callback) {
        if (username === login?.[0] && password === login?.[1]) return callback(null, { user: username })
        callback(smtpError(535, 'wrong password'))
      },
      onRcptTo({ address }, _session, callback) {
        attempts.push(address)
        Promise.resolve()
          .then(() => onRecipient?.(address))
          .then(() => callback(), callback)
      },
      onData(stream, { envelope }, callback) {
        let raw = ''
        stream.setEncoding('utf8')
        stream.on('data', chunk => (raw += chunk))
        stream.on('end', () => {
          const to = envelope.rcptTo[0]?.address ?? ''
          Promise.resolve()
            .then(() => onData?.(to))
            .then(() => {
              mails.push(parse(to, raw))
              for (const check of waiting) check()
              callback()
            })
            .catch(callback)
        })
      }
    })
    // Ignores the errors of connections that the service ends before a response.
    started.on('error', () => {})
    started.listen(port, '127.0.0.1')
    await once(started.server, 'listening')
    port = (started.server.address() as AddressInfo).port
    server = started
  }
  const stop = async (): Promise<void> => {
    const stopped = server
    server = undefined
    if (stopped) await new Promise<void>(resolve => stopped.close(() => resolve()))
  }
  await start()
  onTestFinished(stop)

  return {
    url: `smtp://${login ? `${login.map(encodeURIComponent).join(':')}@` : ''}127.0.0.1:${port}`,
    mails,
    attempts,
    to(address, count = 1) {
      const found = () => mails.filter(({ to }) => to === address).reverse()
      return new Promise(resolve => {
        const check = (): void => {
          if (found().length < count) return
          waiting.delete(check)
          resolve(found())
        }
        waiting.add(check)
        check()
      })
    },
    stop,
    restart: start
  }
}
