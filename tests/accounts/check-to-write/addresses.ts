/** Lists the writes to e-mail addresses. */
import { hashToken, newToken } from '../../../src/accounts/mail/token.ts'
import { client, ownerOf, type Write } from './subject.ts'

const OUTBOX = 'select from @outbox where user_id = $1'

export const ADDRESS_WRITES: readonly Write[] = [
  {
    name: 'an e-mail address',
    pausedAt: 'transaction',
    isOfSession: true,
    prepare: async subject => paused => paused.emails.enter(ownerOf(subject), 'new@example.com', client),
    hasEffect: async ({ database, user }) => (await database.emails.listOf(user.id)).length > 0
  },
  {
    name: 'a confirmed e-mail address',
    pausedAt: 'transaction',
    async prepare({ database, user }) {
      const addressHash = `hash-${user.id}`
      await database.emails.setPending({ userId: user.id, address: '', keyId: '', addressHash })
      const [token, lifetimeMs] = [newToken(), 60_000]
      const link = {
        hash: hashToken(token),
        purpose: 'verify_email',
        userId: user.id,
        addressHash,
        lifetimeMs
      } as const
      await database.oneTimeTokens.issue(link)
      return paused => paused.emails.verify(token, client)
    },
    hasEffect: async ({ database, user }) =>
      (await database.emails.listOf(user.id)).some(({ state }) => state === 'verified')
  },
  {
    name: 'another link to confirm an e-mail address',
    pausedAt: 'transaction',
    async prepare({ database, user: { id: userId, generation } }) {
      await database.emails.setPending({ userId, address: '', keyId: '', addressHash: `hash-${userId}` })
      const challenge = newToken()
      const purpose = 'verify_email'
      const times = { data: null, lifetimeMs: 60_000 }
      await database.challenges.create({ hash: hashToken(challenge), purpose, userId, generation, ...times })
      return paused => paused.emails.resend(challenge, undefined, client)
    },
    hasEffect: async ({ sql }) => (await sql(`${OUTBOX} and kind = 'verify_email'`)).length > 0
  },
  {
    name: 'a removed e-mail address',
    pausedAt: 'transaction',
    isOfSession: true,
    async prepare(subject) {
      const { database, user } = subject
      await database.emails.setPending({ userId: user.id, address: '', keyId: '', addressHash: `hash-${user.id}` })
      return paused => paused.emails.remove(ownerOf(subject), client)
    },
    hasEffect: async ({ database, user }) => (await database.emails.listOf(user.id)).length === 0
  }
]
