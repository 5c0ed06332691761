/** Authenticates the users of a host application with the host's function `authenticate`. There are no accounts and no tokens. */
import type { FastifyRequest } from 'fastify'
import type { HostUsers } from '../../src/accounts/host-users.ts'
import type { Clock } from '../../src/lib/clock.ts'
import { ChatError } from '../../src/protocol/errors.ts'
import { callerFrom, callerOf } from './requests.ts'
import type { Authenticate, ChatAuth } from './types.ts'

/** Default time in milliseconds for which the authentication of a host user is valid. */
const DAY_MS = 24 * 60 * 60 * 1000

export interface HostAuthOptions extends Pick<ChatAuth, 'cookies'> {
  readonly authenticate: Authenticate
  readonly hostUsers: HostUsers
  readonly clock: Clock
}

export const createHostAuth = ({ authenticate, hostUsers, clock, cookies }: HostAuthOptions): ChatAuth => {
  const requireUser = async (request: FastifyRequest): Promise<void> => {
    const askedAt = clock.monotonic()
    const { user, expiresAt = clock.now() + DAY_MS } = await hostUsers.identify(() => authenticate(request))
    request.chatUser = callerFrom({ user, expiresAt, sessionId: null, generation: user.generation }, askedAt)
  }
  const refuse = async (): Promise<never> => {
    throw new ChatError('not_allowed', 'This application authenticates its users itself.')
  }

  return {
    accounts: null,
    hasLocalAccounts: false,
    cookies,
    requireUser,
    recheckUser: request => hostUsers.recheck(callerOf(request)),
    requireSocketUser: requireUser,
    async renew() {
      throw new ChatError(
        'not_allowed',
        'This application authenticates its users itself. Reconnect instead of sending a token.'
      )
    },
    requireProof: refuse,
    requireAdmin: refuse,
    admit: hostUsers.admit
  }
}
