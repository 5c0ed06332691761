/** @jsxImportSource react */
/** Tests the rendered screen: login, chat and a broken connection, with a fake service. */
import { cleanup, render } from 'ink-testing-library'
import { afterEach, expect, test, vi } from 'vitest'
import { ChatApiError, type ChatClient } from '../../client/src/index.ts'
import { createApis } from '../../src/tui/apis.ts'
import { App } from '../../src/tui/screen/app.tsx'
import { Line } from '../../src/tui/screen/styled.tsx'
import type { Session } from '../../src/tui/session.ts'
import { fakeService, historyPage, messageFrame, type Sent, settled, subscribedFrame } from '../support/fake-service.ts'

afterEach(cleanup)

/** Waits until `look` succeeds. The timeout is long enough for a busy machine. */
const eventually = <T,>(look: () => T): Promise<T> => vi.waitFor(look, { timeout: 30_000 })

const ENTER = '\r'
const TAB = '\t'
const PAGE_UP = '\x1b[5~'

interface Setup {
  readonly session?: Partial<Session>
  readonly hasColour?: boolean
  readonly token?: () => string
}

const start = ({ session = {}, hasColour = false, token = () => 'token-1' }: Setup = {}) => {
  const service = fakeService({ token: () => token(), backfill: 0 })
  const calls: string[][] = []
  const person: Session = {
    url: 'http://chat.test',
    username: 'ada',
    isReady: true,
    token: async () => 'token-1',
    logIn: async (...given) => void calls.push(['logIn', ...given]),
    logInWithCode: async (...given) => void calls.push(['logInWithCode', ...given]),
    register: async (...given) => void calls.push(['register', ...given]),
    connect: () => service.client,
    openApis: () => createApis({ url: 'http://chat.test', fetch: service.fetch }),
    end: async () => {},
    ...session
  }
  const screen = render(<App session={person} room="general" hasColour={hasColour} connect={person.connect} />)
  const type = async (...reads: string[]): Promise<void> => {
    await settled()
    for (const read of reads) screen.stdin.write(read)
    await settled()
  }
  /** Waits until the screen shows the text. */
  const sees = (text: string | RegExp) => eventually(() => expect(screen.lastFrame()).toMatch(text))
  return { service, screen, calls, type, sees }
}

/** Starts a connected screen. The room has `count` messages, and the newest page is loaded. */
const startChat = async (count: number, setup?: Setup) => {
  const all = start(setup)
  all.service.http(path => {
    const before = Number(/before=(\d+)/.exec(path)?.[1] ?? count + 1)
    return { body: historyPage(Math.max(1, before - 50), before - 1, { seq: count }) }
  })
  const socket = await all.service.socket()
  socket.greet()
  socket.receive(subscribedFrame(count, socket.take('subscribe')[0] as Sent))
  await all.sees(count === 0 ? 'general' : `message ${count}`)
  return { ...all, socket }
}

test('shows control characters of any row as symbols', () => {
  const { lastFrame } = render(<Line spans={[{ text: 'eve\x1b[2J\x9b1m' }, { text: '\u202eroot\n' }]} />)
  expect(lastFrame()).toBe('eve␛[2J\ufffd1m\ufffdroot')
})

test('hides the password, and shows the error message of the service', async () => {
  const session = {
    isReady: false,
    username: undefined,
    logIn: async () => {
      throw new ChatApiError({ status: 401, code: 'invalid_credentials', detail: 'Wrong username or password.' })
    }
  }
  const { screen, type, sees } = start({ session })
  await type('ada', ENTER, 'Secret12')
  await sees('••••••••')
  await type(ENTER)
  await sees('Wrong username or password.')
  expect(screen.frames.join('')).not.toContain('Secret12')
})

test('asks for a code if the login needs one, and returns to the password with Ctrl-R', async () => {
  const session = {
    isReady: false,
    username: undefined,
    logIn: async () => {
      const refusal = { status: 401, code: 'second_factor_required', detail: 'Enter a code.', challenge: 'c1' } as const
      throw new ChatApiError({ ...refusal, methods: ['totp', 'recovery_code'] })
    }
  }
  const { type, calls, sees } = start({ session })
  await type('ada', ENTER, 'Secret12', ENTER)
  await sees('Second step')
  await type('99')
  await sees(/Code +99/)
  await type('\x12')
  await sees('Password')
  await type(ENTER)
  await sees('Second step')
  await type('123456', ENTER)
  await sees('#general')
  expect(calls).toEqual([['logInWithCode', 'c1', '123456']])
})

test('shows the rules as they are met during registration, and then the chat', async () => {
  const { screen, type, calls, sees } = start({ session: { isReady: false, username: undefined } })
  await type('\x12', 'ad')
  await sees('· 3 to 50 characters')
  await type('a', TAB, 'secret12')
  await sees('✓ 3 to 50 characters')
  await sees('· an upper-case letter')
  expect(screen.lastFrame()).toContain('✓ a digit')
  await type('X')
  await sees('✓ an upper-case letter')
  await type(ENTER)
  await sees('#general')
  expect(calls).toEqual([['register', 'ada', 'secret12X']])
})

test('shows every violated rule of a response', async () => {
  const errors = [
    { path: '/username', message: 'Username is reserved.' },
    { path: '/password', message: 'Password is known to everyone.' }
  ]
  const register = async () => {
    throw new ChatApiError({ status: 422, code: 'validation_failed', detail: 'That will not do.', errors })
  }
  const { type, sees } = start({ session: { isReady: false, username: undefined, register } })
  await type('\x12', 'ada', TAB, 'Secret12', ENTER)
  await sees('Username is reserved.')
  await sees('Password is known to everyone.')
})

test('shows history at the start, and marks a sent message until it is in the log', async () => {
  const { socket, screen, type, sees } = await startChat(2)
  expect(screen.lastFrame()).toContain('bob message 1')
  await type('hello', ENTER)
  await sees(/ {2}… {3}ada hello/)
  const { nonce } = socket.take('message')[0] as Sent
  socket.receive({ type: 'ack', nonce, id: 3, room: 'general', seq: 3, timestamp: '2026-01-31T12:00:00.000+00:00' })
  socket.receive(messageFrame(3, { user_id: 1, username: 'ada', content: 'hello', nonce }))
  await sees(/\d\d:\d\d ada hello/)
})

test('shows why a message was refused, and sends it again or discards it on request', async () => {
  const { socket, screen, type, sees } = await startChat(0)
  await type('hello', ENTER)
  const refuse = () => {
    const { nonce } = socket.take('message')[0] as Sent
    socket.receive({ type: 'error', code: 'not_allowed', detail: 'Not here.', room: 'general', nonce })
  }
  refuse()
  await sees('✗   ada hello')
  await sees('not sent: Not here.')
  await type('/retry', ENTER)
  await sees('…   ada hello')
  refuse()
  await sees('✗   ada hello')
  await type('/discard', ENTER)
  await eventually(() => expect(screen.lastFrame()).not.toContain('hello'))
})

test('replies, edits, deletes and reacts with commands, and reverts a refused change', async () => {
  const { socket, screen, type, sees } = await startChat(2)
  socket.receive(messageFrame(3, { user_id: 1, username: 'ada', content: 'mine' }))
  const sent = (kind: string) => socket.take(kind)[0] as Sent
  const acknowledge = ({ nonce }: Sent, seq: number): void =>
    socket.receive({ type: 'ack', nonce, id: seq, room: 'general', seq, timestamp: '2026-01-31T12:00:00.000+00:00' })
  await type('/numbers', ENTER)
  await sees(/#2 \d\d:\d\d bob message 2/)
  await type('/edit better', ENTER)
  await sees('ada better …')
  const edit = sent('edit')
  expect(edit).toMatchObject({ target: 3, content: 'better' })
  socket.receive({ type: 'error', code: 'edit_window_over', detail: 'Too late.', room: 'general', nonce: edit.nonce })
  await sees('#3 was not edited: Too late.')
  await sees('ada mine')
  await type('/discard', ENTER)
  await eventually(() => expect(screen.lastFrame()).not.toContain('Too late.'))
  await type('/reply #1 an answer', ENTER)
  await settled()
  const reply = sent('message')
  expect(reply).toMatchObject({ reply_to: 1, content: 'an answer' })
  acknowledge(reply, 4)
  await type('/react 👍', ENTER)
  await sees('[👍 1]')
  const react = sent('react')
  expect(react).toMatchObject({ target: 2, key: '👍' })
  acknowledge(react, 5)
  await type('/react 👍', ENTER)
  await eventually(() => expect(screen.lastFrame()).not.toContain('👍'))
  acknowledge(sent('react'), 6)
  await type('/delete wrong room', ENTER)
  await sees('Nothing was deleted. Type /delete, or /delete #NUMBER')
  expect(sent('delete')).toBeUndefined()
  await type('/delete 3 wrong room', ENTER)
  await sees('ada (deleted) …')
  expect(sent('delete')).toMatchObject({ target: 3, reason: 'wrong room' })
  await type('/reply', ENTER)
  await sees('Type /reply TEXT')
})

test('sends a pasted text of several lines as one message', async () => {
  const { socket, type, sees } = await startChat(0)
  await type('\x1b[200~one\r  two\x1b[201~')
  await sees(/> one\n {4}two/)
  expect(socket.take('message')).toEqual([])
  await type(ENTER)
  await settled()
  expect(socket.take('message')).toMatchObject([{ content: 'one\n  two' }])
})

test('keeps the draft and queues messages while the connection is lost', async () => {
  const { service, socket, screen, type, sees } = await startChat(1)
  await type('half a sen')
  socket.end(1006)
  await sees('reconnecting…')
  await type('tence', ENTER, 'more')
  await sees('…   ada half a sentence')
  expect(screen.lastFrame()).toContain('> more')
  await service.timers.advance(500)
  const again = await service.socket(2)
  again.greet()
  again.receive(subscribedFrame(1, again.take('subscribe')[0] as Sent))
  await eventually(() => expect(screen.lastFrame()).not.toContain('reconnecting…'))
  expect(again.take('message')).toMatchObject([{ content: 'half a sentence' }])
  expect(screen.lastFrame()).toContain('> more')
})

test('shows the login when the session has expired, and then the chat with the draft', async () => {
  let isOver = false
  let count = 0
  const token = () => {
    if (isOver) throw new ChatApiError({ status: 401, code: 'invalid_token', detail: 'Log in again.' })
    return `token-${++count}`
  }
  const { socket, calls, type, sees } = await startChat(1, { token })
  await type('draft')
  await sees('> draft')
  isOver = true
  socket.end(4401, 'The token has expired.')
  await sees('Log in again.')
  isOver = false
  await type('Secret12', ENTER)
  await sees('> draft')
  expect(calls).toEqual([['logIn', 'ada', 'Secret12']])
})

test('shows another user neither the draft nor the messages of the former user', async () => {
  let username = 'ada'
  const services = [fakeService({ token: () => 'token-1', backfill: 0 }), fakeService({ token: () => 'token-2' })]
  let count = 0
  const session = {
    get username() {
      return username
    },
    logIn: async (name: string) => {
      username = name
    },
    connect: () => services[count++]?.client as ChatClient,
    openApis: () => createApis({ url: 'http://chat.test', fetch: async () => Promise.reject(new Error('offline')) })
  }
  const person = Object.assign(Object.create(session), { url: 'http://chat.test', isReady: true }) as Session
  const screen = render(<App session={person} room="general" hasColour={false} connect={person.connect} />)
  const sees = (text: string) => eventually(() => expect(screen.lastFrame()).toContain(text))
  const socket = await (services[0] as ReturnType<typeof fakeService>).socket()
  socket.greet()
  socket.receive(subscribedFrame(0, socket.take('subscribe')[0] as Sent), messageFrame(1))
  await sees('message 1')
  screen.stdin.write('unfinished')
  await sees('> unfinished')
  socket.end(4401, 'The token has expired.')
  await sees('Username')
  // The username is filled in and the password field has the focus. Goes back and enters another username.
  for (const read of ['\x1b[A', '\x15', ' bob ', ENTER, 'Secret12', ENTER]) screen.stdin.write(read)
  await eventually(() => expect(count).toBe(2))
  await sees('bob@')
  expect(username).toBe('bob')
  expect(screen.lastFrame()).not.toMatch(/unfinished|message 1/)
})

test('rejects a command that is named like a property of every object', async () => {
  const { type, sees } = await startChat(0)
  await type('/constructor', ENTER)
  await sees('Unknown command /constructor')
})

test('shows a long message in full after /more', async () => {
  const { socket, type, sees } = await startChat(0)
  socket.receive(messageFrame(1, { content: Array.from({ length: 60 }, (_, at) => `line ${at}`).join('\n') }))
  await sees('30 more rows. Type /more to show them')
  await type('/more', ENTER)
  await sees('line 59')
})

test('loads the previous page when the user scrolls up, and does not move the view when messages arrive', async () => {
  const { service, socket, screen, type, sees } = await startChat(120)
  expect(service.calls.filter(({ path }) => path.includes('before='))).toHaveLength(1)
  await type(PAGE_UP, PAGE_UP, PAGE_UP)
  await sees('message 71')
  await eventually(() => expect(service.calls.filter(({ path }) => path.includes('before='))).toHaveLength(2))
  const before = screen.lastFrame()?.match(/message \d+/g)
  socket.receive(messageFrame(121))
  await settled()
  expect(screen.lastFrame()?.match(/message \d+/g)).toEqual(before)
  await type(PAGE_UP)
  await sees(/message 6\d/)
  await type('\x1b[F')
  await sees('message 121')
})

test('shows who joins, leaves and types', async () => {
  const { socket, sees } = await startChat(0)
  const bob = { room: 'general', user_id: 2, username: 'bob' }
  socket.receive({ type: 'system', event: 'joined', message: 'bob joined the chat', ...bob })
  await sees('* bob joined')
  socket.receive({ type: 'typing', expires_in_ms: 5000, ...bob })
  await sees('bob is typing…')
  socket.receive({ type: 'system', event: 'left', message: 'bob left the chat', ...bob })
  await sees('* bob left')
  socket.receive(messageFrame(1))
  await sees(/bob joined\n\* bob left\n.*\n.*message 1/)
})

test('shows the title of a private room, changes of its members, and the removal of the user', async () => {
  const all = start()
  const member = { role: 'member', joined_at: '2026-01-31T12:00:00.000+00:00' }
  all.service.http(path => {
    if (path.includes('/members')) return { body: { members: [{ ...member, user_id: 3, username: 'mary' }] } }
    if (path.endsWith('/rooms/general')) return { body: { room: 'general', title: 'Plans', visibility: 'private' } }
    return { body: historyPage(1, 0, { seq: 0 }) }
  })
  const socket = await all.service.socket()
  socket.greet()
  socket.receive(subscribedFrame(0, socket.take('subscribe')[0] as Sent))
  await all.sees('Plans (private)')
  const { content: _, ...bob } = messageFrame(1)
  socket.receive({ ...bob, type: 'membership', subject: 3, event: 'added', role: 'member' })
  await all.sees('* bob added mary')
  socket.receive({ ...bob, type: 'room', seq: 2, title: 'New\x1b[31m plans' })
  await all.sees('New␛[31m plans (private)')
  await all.sees('* bob changed the title to: New␛[31m plans')
  socket.receive({ ...bob, type: 'membership', seq: 3, subject: 1, event: 'removed' })
  socket.receive({ type: 'unsubscribed', room: 'general', reason: 'removed' })
  await all.sees('* bob removed you')
  await all.sees('You are no longer a member of this room. Go to another room with /room NAME.')
})

test('lists rooms by their titles, and goes to a room by its title', async () => {
  const { service, socket, type, sees } = await startChat(0)
  const rooms = [
    { room: 'd.1', title: null, visibility: 'direct' },
    { room: 'general', title: null, visibility: 'public' },
    { room: 'p.1', title: 'Plans for May', visibility: 'private' }
  ]
  service.http(path => {
    if (path.endsWith('/rooms/d.1/members?limit=100'))
      return { body: { members: [1, 2].map(id => ({ user_id: id, username: id === 1 ? 'ada' : 'bob' })) } }
    if (path.includes('/members')) return { body: { members: [] } }
    if (path.includes('/rooms?')) return { body: { rooms: path.includes('mine') ? rooms : rooms.slice(0, 2) } }
    return { body: historyPage(1, 0, { seq: 0 }) }
  })
  await type('/rooms', ENTER)
  await sees(/Rooms:\n {2}@bob\n {2}#general\n {2}Plans for May \(private\)/)
  await type('/room plans for may', ENTER)
  await sees('Plans for May (private)  ada@')
  expect(socket.take('subscribe')).toMatchObject([{ room: 'p.1' }])
  await type('/room @bob', ENTER)
  await eventually(() => expect(socket.take('subscribe')).toMatchObject([{ room: 'd.1' }]))
  await type('/room no such title', ENTER)
  await sees('There is no room with the title no such title.')
})

test('lists the rooms of the inbox with unread messages, and marks what is shown as read', async () => {
  const { service, socket, type, sees } = await startChat(2)
  await eventually(() => expect(socket.take('read')).toMatchObject([{ room: 'general', up_to: 2, epoch: 'e1' }]))
  const item = (room: string, more: object) => ({
    ...{ room, visibility: 'public', role: 'member', seq: 9, messages: 9, read_messages: 9, unread: 0 },
    ...{ mentions: 0, marked_unread: false, ...more }
  })
  const lastAt = (hour: number) => ({ seq: 9, user_id: 2, username: 'bob', timestamp: `2026-01-31T${hour}:00:00.000Z` })
  const rooms = [
    item('d.1', {
      visibility: 'direct',
      people: [{ user_id: 2, username: 'bob' }],
      read_messages: 6,
      last: lastAt(12)
    }),
    item('general', { last: lastAt(11) }),
    item('p.1', { visibility: 'private', title: 'Plans\nfor May', read_messages: 8, mentions: 1, last: lastAt(10) })
  ]
  expect(socket.take('inbox')).toHaveLength(1)
  socket.receive({ type: 'inbox', first: true, rooms, total: { unread_rooms: 2, mentions: 1 } })
  await sees('unread: @bob (3 unread), Plans for May (private) (1 unread, 1 mention)')
  service.http(() => ({ body: { rooms: [{ room: 'other', visibility: 'public' }] } }))
  await type('/rooms', ENTER)
  await sees('Rooms, latest message first:')
  await sees(/ @bob: 3 unread\n +#general\n +Plans for May \(private\): 1 unread, 1 mention\n +#other/)
  socket.receive({ type: 'inbox', rooms: [{ room: 'p.1', messages: 10, last: { ...lastAt(13), seq: 10 } }] })
  await sees('unread: Plans for May (private) (2 unread, 1 mention), @bob (3 unread)')
  await service.timers.advance(1000)
  socket.receive(messageFrame(3))
  await eventually(() => expect(socket.take('read')).toMatchObject([{ up_to: 3 }]))
})

test('marks only what was scrolled into view as read', async () => {
  const { service, socket, type, sees } = await startChat(60)
  await eventually(() => expect(socket.take('read')).toHaveLength(1))
  await type(PAGE_UP)
  await service.timers.advance(5000)
  socket.receive(messageFrame(61))
  await settled()
  await service.timers.advance(5000)
  expect(socket.take('read')).toEqual([])
  await type('\x1b[F')
  await sees('message 61')
  await eventually(() => expect(socket.take('read')).toMatchObject([{ up_to: 61 }]))
})

test('shows until when a message waits for slow mode, and discards it', async () => {
  const { socket, screen, type, sees } = await startChat(0)
  await type('too soon', ENTER)
  const { nonce } = socket.take('message')[0] as Sent
  const refusal = { type: 'error', code: 'slow_mode', detail: 'Slow mode.', retry_after_ms: 30_000 }
  socket.receive({ ...refusal, room: 'general', nonce })
  await sees(/… {3}ada too soon\n +The room is in slow mode\. This message is sent at \d\d:\d\d:\d\d\. \/discard/)
  await type('/discard', ENTER)
  await eventually(() => expect(screen.lastFrame()).not.toContain('too soon'))
})

test('hides the messages of blocked users until they are unblocked', async () => {
  const { service, screen, type, sees } = await startChat(1)
  const bob = { user_id: 2, username: 'bob' }
  service.http(path => ({ body: path.includes('/members') ? { members: [bob] } : { blocks: [bob] } }))
  await type('/block BOB', ENTER)
  await sees('bob (You have blocked this user.)')
  expect(screen.lastFrame()).not.toContain('message 1')
  await type('/unblock bob', ENTER)
  await sees('bob message 1')
})

test('sends a line with two slashes as a message, but not commands', async () => {
  const { socket, type, sees } = await startChat(0)
  await type('/help', ENTER)
  await sees('/unban NAME end it')
  await type('/nonsense', ENTER)
  await sees('Unknown command /nonsense.')
  expect(socket.take('message')).toEqual([])
  await type('//help', ENTER)
  await settled()
  expect(socket.take('message')).toMatchObject([{ content: '/help' }])
  await type('/room other', ENTER)
  await sees('#other')
  expect(socket.take('subscribe')).toMatchObject([{ room: 'other' }])
})

test.each(['/quit', '/exit', '/q'])('quits after %s', async command => {
  const { socket, screen, type } = await startChat(1)
  await type(command, ENTER)
  await type('x')
  expect(socket.take('message')).toEqual([])
  expect(screen.stdin.listenerCount('data')).toBe(0)
})

test('shows messages of other users without their escape sequences', async () => {
  const { socket, screen, sees } = await startChat(0)
  socket.receive(messageFrame(1, { content: 'a\x1b[2Jb\x1b]0;title\x07', username: 'b\x1b[31mob' }))
  await sees('a␛[2Jb␛]0;title␇')
  expect(screen.lastFrame()).toContain('b␛[31mob')
  for (const sequence of ['\x1b[2J', '\x1b]0', '\x1b[31m']) expect(screen.lastFrame()).not.toContain(sequence)
})
