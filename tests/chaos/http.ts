/** Calls the services over HTTP as a user, and reads what check-end.ts compares: logs, messages, members and inboxes. */
import { type LogEntry, type Message, shown } from './fold.ts'

export interface Response {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test reads any field of a response.
  readonly body: any
}

export interface HttpUser {
  readonly id: number
  readonly name: string
  /** Calls the service with this index. Rejects if there is no response within five seconds. */
  call(service: number, method: string, path: string, body?: object): Promise<Response>
  logIn(): Promise<string>
}

const PASSWORD = 'SecurePass123'

const request = async (url: string, method: string, body?: object, token?: string): Promise<Response> => {
  const response = await fetch(url, {
    method,
    headers: {
      ...(body ? { 'content-type': 'application/json' } : {}),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` })
    },
    ...(body ? { body: JSON.stringify(body) } : {}),
    signal: AbortSignal.timeout(5000)
  })
  const text = await response.text()
  return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
}

/** Registers a user before the faults begin. */
export const registerUser = async (urls: readonly string[], name: string): Promise<HttpUser> => {
  const credentials = { username: name, password: PASSWORD }
  const { body } = await request(`${urls[0]}/api/auth/register`, 'POST', credentials)
  let token: string | undefined
  const logIn = async (): Promise<string> => {
    for (const url of urls) {
      const { body } = await request(`${url}/api/auth/login`, 'POST', credentials).catch(() => ({ body: undefined }))
      if (body?.access_token) return body.access_token
    }
    throw new Error(`${name} could not log in at any service.`)
  }
  return {
    id: body.id,
    name,
    logIn,
    async call(service, method, path, content) {
      const send = async (): Promise<Response> => {
        token ??= await logIn()
        return request(`${urls[service]}${path}`, method, content, token)
      }
      const response = await send()
      if (response.status !== 401) return response
      // The token has expired. A run may take longer than a token is valid.
      token = undefined
      return send()
    }
  }
}

const ok = async (user: HttpUser, path: string): Promise<Response['body']> => {
  const { status, body } = await user.call(0, 'GET', path)
  if (status !== 200) throw new Error(`GET ${path} returned ${status}: ${JSON.stringify(body)}`)
  return body
}

export const readLog = async (user: HttpUser, room: string): Promise<LogEntry[]> => {
  const entries: LogEntry[] = []
  for (;;) {
    const page = await ok(user, `/api/chat/rooms/${room}/log?after=${entries.length}&limit=1000`)
    entries.push(...page.entries)
    if (!page.has_more) return entries
  }
}

/** A message as an item of an HTTP list. */
interface Item {
  readonly seq: number
  readonly content: string | null
  readonly reactions?: readonly { readonly key: string; readonly count: number }[]
  readonly pinned?: true
  readonly mentions?: readonly number[]
}

export const readMessages = async (user: HttpUser, room: string): Promise<Map<number, Message>> => {
  const messages = new Map<number, Message>()
  for (let after = 0; ; ) {
    const page = await ok(user, `/api/chat/rooms/${room}/messages?after=${after}&view=messages&limit=1000`)
    for (const { seq, content, reactions = [], pinned, mentions = [] } of page.messages as Item[]) {
      messages.set(seq, {
        content,
        reactions: shown(new Map(reactions.map(({ key, count }) => [key, count]))),
        ...(pinned ? { pinned } : {}),
        ...(mentions.length > 0 ? { mentions: [...mentions].sort((one, other) => one - other) } : {})
      })
      after = seq
    }
    if (!page.has_more) return messages
  }
}

/** A member of a room, with the read mark. */
export interface MemberItem {
  readonly user_id: number
  readonly role: string
  readonly read_seq?: number
}

export const readMembers = async (user: HttpUser, room: string): Promise<MemberItem[]> =>
  (await ok(user, `/api/chat/rooms/${room}/members`)).members

export const readInbox = (user: HttpUser) => ok(user, '/api/chat/inbox?limit=200')

/** Returns the newest `seq` of a room, or undefined if the user may not read the room. */
export const headOf = async (user: HttpUser, room: string): Promise<number | undefined> => {
  const { status, body } = await user.call(0, 'GET', `/api/chat/rooms/${room}`)
  if (status === 403 || status === 404) return undefined
  if (status !== 200) throw new Error(`The request for the room ${room} returned ${status}.`)
  return body.seq
}
