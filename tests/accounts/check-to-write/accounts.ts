/** Lists the writes to profiles, sessions, deletions and exports, and the writes of administrators. */
import type { Accounts } from '../../../src/accounts/accounts.ts'
import { createInvitations } from '../../../src/accounts/admin/invitations.ts'
import { createExports } from '../../../src/accounts/export/export.ts'
import { ChatError } from '../../../src/protocol/errors.ts'
import { loginOf } from '../../support/accounts.ts'
import {
  actorOf,
  client,
  deletionOf,
  isRecorded,
  OLD,
  ownerOf,
  SAME_SESSION,
  type Subject,
  type Write
} from './subject.ts'

/**
 * Makes the subject's user an administrator, and creates another administrator and a third user. `actor` is the subject's user,
 * in the form in which routes pass an administrator. `other` is the third user.
 */
const adminOf = async ({ database, user, sessionId, sql }: Subject) => {
  const root = await database.users.create({ username: `root${user.id}`, hashedPassword: null })
  await sql(`update @users set role = 'admin' where id in ($1, ${root.id})`)
  const other = await database.users.create({ username: `other${user.id}`, hashedPassword: null })
  return { actor: { userId: user.id, generation: user.generation, sessionId, client }, other }
}

/** Creates the functions that export accounts. Ignores the error if the end of an export cannot be recorded. */
const exportsOf = ({ context }: Accounts) => createExports({ ...context, onFailure: () => {} })

const exportAll = async (paused: Accounts, { user: { id: userId, generation }, sessionId }: Subject) => {
  const { lines, end } = await exportsOf(paused).begin({ userId, generation, sessionId })
  try {
    for await (const _ of lines);
  } catch (error) {
    // The test expects a ChatError from every refused write. But `lines` throws another kind of error, because a response that
    // has begun cannot become a problem document.
    throw new ChatError('invalid_token', String(error))
  } finally {
    end()
  }
}

export const ACCOUNT_WRITES: readonly Write[] = [
  {
    name: 'a display name',
    pausedAt: 'users.setDisplayName',
    isOfSession: true,
    allowed: [SAME_SESSION],
    prepare: async subject => async paused => {
      const { user } = actorOf(subject)
      if (!(await paused.context.database.users.setDisplayName(user, 'John'))) throw new ChatError('invalid_token', '')
    },
    hasEffect: async subject => (await subject.current()).displayName === 'John'
  },
  {
    name: 'the end of another session',
    pausedAt: 'transaction',
    isOfSession: true,
    async prepare(subject) {
      const { sessionId } = await subject.accounts.login(loginOf(subject.user.username, OLD))
      return paused => paused.sessions.endOther(ownerOf(subject), sessionId, client)
    },
    hasEffect: subject => isRecorded(subject, 'session_ended')
  },
  {
    name: 'the end of all sessions',
    pausedAt: 'transaction',
    isOfSession: true,
    prepare: async subject => paused => paused.sessions.endAll(ownerOf(subject), client),
    hasEffect: subject => isRecorded(subject, 'logout_all')
  },
  {
    name: 'the deletion of the own account',
    pausedAt: 'transaction',
    isOfSession: true,
    prepare: async subject => paused =>
      deletionOf(paused.context)(subject.user.id, { erase: true, by: { ...ownerOf(subject), client } }),
    hasEffect: async ({ sql }) => (await sql('select from @deletions where user_id = $1 and is_erased')).length > 0
  },
  {
    name: 'the beginning of an export',
    pausedAt: 'exports.begin',
    isOfSession: true,
    prepare: async subject => paused => exportAll(paused, subject),
    hasEffect: async ({ sql }) => (await sql('select from @exports where user_id = $1')).length > 0
  },
  {
    name: 'a complete export',
    pausedAt: 'exports.complete',
    isOfSession: true,
    prepare: async subject => paused => exportAll(paused, subject),
    hasEffect: async ({ sql }) =>
      (await sql('select from @exports where user_id = $1 and completed_at is not null')).length > 0
  },
  {
    name: 'a role that an administrator gives',
    pausedAt: 'transaction',
    isOfSession: true,
    async prepare(subject) {
      const { actor, other } = await adminOf(subject)
      return paused => paused.administration.change(actor, other.id, { role: 'admin' })
    },
    hasEffect: async ({ sql, user }) =>
      (await sql(`select from @users where role = 'admin' and username = 'other${user.id}'`)).length > 0
  },
  {
    name: 'a deletion by an administrator',
    pausedAt: 'transaction',
    isOfSession: true,
    async prepare(subject) {
      const { actor, other } = await adminOf(subject)
      return paused => deletionOf(paused.context)(other.id, { by: actor })
    },
    hasEffect: async ({ sql, user }) =>
      (await sql(`select from @users where status = 'deleting' and username = 'other${user.id}'`)).length > 0
  },
  {
    name: 'an invitation by an administrator',
    pausedAt: 'transaction',
    isOfSession: true,
    async prepare(subject) {
      const { actor } = await adminOf(subject)
      await subject.sql(`delete from @one_time_tokens where purpose = 'invite'`)
      return paused => createInvitations(paused.context, 'invite').create(actor, 60_000)
    },
    hasEffect: async ({ sql }) => (await sql(`select from @one_time_tokens where purpose = 'invite'`)).length > 0
  }
]
