/**
 * Changes members, roles, restrictions, settings, pins, blocks and direct rooms at random over HTTP, as users of all roles, on
 * both processes. The service decides which actions are allowed.
 */
import type { HttpUser } from './http.ts'

export interface GovernorOptions {
  readonly users: readonly HttpUser[]
  readonly publicRoom: string
  readonly privateRoom: string
  readonly random: () => number
  /** Called with each direct room. */
  readonly onDirect: (room: string, people: readonly number[]) => void
}

export interface Governor {
  /** The number of actions by name and outcome, such as `ban ok` and `ban not_allowed`. */
  readonly outcomes: ReadonlyMap<string, number>
  /** Responses that are errors of the service, and sets of people with several direct rooms. */
  readonly faults: string[]
  act(): Promise<void>
}

/** A method, a path and a body. */
type Request = [method: string, path: string, body?: object]

const ROLES = ['member', 'member', 'moderator', 'owner']
/** Statuses of refusals, of a process that restarts, and of an access token that has expired. */
const EXPECTED = [401, 403, 404, 409, 429, 503]

export const createGovernor = ({ users, publicRoom, privateRoom, random, onDirect }: GovernorOptions): Governor => {
  const oneOf = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T
  const outcomes = new Map<string, number>()
  const faults: string[] = []
  const directs = new Map<string, string>()
  const codes: string[] = []

  const room = (): string => `/api/chat/rooms/${random() < 0.5 ? publicRoom : privateRoom}`
  const inPrivate = `/api/chat/rooms/${privateRoom}`
  const restriction = () => ({
    ...(random() < 0.5 ? { until: new Date(Date.now() + 1000 + random() * 5000).toISOString() } : {}),
    ...(random() < 0.3 ? { reason: 'A test' } : {})
  })

  const actions: Readonly<Record<string, (other: HttpUser) => Request | undefined>> = {
    add: ({ id }) => ['PUT', `${inPrivate}/members/${id}`],
    changeRole: ({ id }) => ['PUT', `${inPrivate}/members/${id}`, { role: oneOf(ROLES) }],
    remove: ({ id }) => ['DELETE', `${inPrivate}/members/${id}`],
    leave: () => ['DELETE', `${room()}/members/me`],
    join: () => ['PUT', `/api/chat/rooms/${publicRoom}/members/me`],
    mute: ({ id }) => ['PUT', `${room()}/mutes/${id}`, restriction()],
    unmute: ({ id }) => ['DELETE', `${room()}/mutes/${id}`],
    ban: ({ id }) => ['PUT', `${room()}/bans/${id}`, { ...restriction(), ...(random() < 0.1 ? { erase: 1 } : {}) }],
    unban: ({ id }) => ['DELETE', `${room()}/bans/${id}`],
    rename: () => ['PATCH', room(), { title: `Title ${Math.floor(random() * 1000)}` }],
    slowDown: () => ['PATCH', room(), { slow_mode_seconds: random() < 0.7 ? 0 : 1 }],
    archive: () => ['PATCH', room(), { archived: true }],
    unarchive: () => ['PATCH', room(), { archived: false }],
    restrictInvitations: () => ['PATCH', inPrivate, { invite: oneOf(['members', 'moderators']) }],
    invite: () => ['POST', `${inPrivate}/invitations`, { uses: 3 }],
    accept: () => (codes.length === 0 ? undefined : ['POST', `/api/chat/invitations/${oneOf(codes.slice(-20))}`]),
    pin: () => ['PUT', `${room()}/pins/${1 + Math.floor(random() * 200)}`],
    unpin: () => ['DELETE', `${room()}/pins/${1 + Math.floor(random() * 200)}`],
    block: ({ id }) => ['PUT', `/api/users/me/blocks/${id}`],
    unblock: ({ id }) => ['DELETE', `/api/users/me/blocks/${id}`],
    openDirect: ({ id }) => ['POST', '/api/chat/direct', { users: [...new Set([id, oneOf(users).id])] }],
    hide: () => (directs.size === 0 ? undefined : ['PUT', `/api/chat/rooms/${oneOf([...directs.values()])}/hidden`]),
    mark: () => ['PUT', `${room()}/read`, random() < 0.2 ? { unread: true } : {}]
  }
  /** The names of the actions. Some are listed several times, so that rights are given about as often as they are removed. */
  const names = [
    ...Object.keys(actions),
    ...[
      'add',
      'add',
      'add',
      'join',
      'join',
      'accept',
      'unban',
      'unban',
      'unban',
      'unmute',
      'unmute',
      'unarchive',
      'unarchive'
    ],
    ...['unarchive', 'unblock', 'changeRole', 'ban', 'ban', 'mute', 'remove']
  ]

  const record = (
    user: HttpUser,
    name: string,
    request: Request,
    { status, body }: Awaited<ReturnType<HttpUser['call']>>
  ): void => {
    const outcome = `${name} ${status < 300 ? 'ok' : (body?.code ?? status)}`
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    // A request for a mute or ban may arrive after the time in its `until`, because the process was paused.
    const isLate = status === 422 && body.errors?.[0]?.path === '/body/until'
    if (status >= 300 && !isLate && !EXPECTED.includes(status))
      faults.push(`${request[0]} ${request[1]}: ${status} ${JSON.stringify(body)}`)
    if (status >= 300) return
    if (name === 'invite') codes.push(body.code)
    if (name !== 'openDirect') return
    const people = [...new Set([user.id, ...(request[2] as { users: number[] }).users])].sort((a, b) => a - b)
    const known = directs.get(people.join())
    if (known !== undefined && known !== body.room)
      faults.push(`the people ${people} have the rooms ${known} and ${body.room}`)
    directs.set(people.join(), body.room)
    onDirect(body.room, people)
  }

  return {
    outcomes,
    faults,
    async act() {
      const name = oneOf(names)
      // Chooses the first three users more often than others, because they begin as the owners and the moderator.
      const user = oneOf(random() < 0.5 ? users.slice(0, 3) : users)
      const other = oneOf(users)
      if (user === other && !['leave', 'join', 'mark', 'changeRole'].includes(name)) return
      const request = actions[name]?.(other)
      if (!request) return
      // If there is no response, the outcome is unknown, so it is not recorded.
      const response = await user.call(random() < 0.5 ? 0 : 1, ...request).catch(() => undefined)
      if (response) record(user, name, request, response)
    }
  }
}
