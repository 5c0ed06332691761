/** Runs `fastify-chat users …`: creates, lists and changes users. */

import type { ChatDatabase } from '../db/database.ts'
import type { UserChange } from '../db/repositories/administration.ts'
import type { UserRecord } from '../db/repositories/users.ts'
import { systemClock, timestamp } from '../lib/clock.ts'
import { readNewUser } from './new-user.ts'
import { print } from './print.ts'
import { confirm } from './terminal.ts'
import { withDatabase } from './with-database.ts'

export interface ConfirmOptions {
  /** Whether to continue without asking for confirmation. */
  readonly yes?: true
}

export const createUser = (name: string, { admin }: { readonly admin?: true }): Promise<void> =>
  withDatabase(async ({ settings, operator }) => {
    const user = await readNewUser(name, settings)
    const created = await operator.createUser({ ...user, role: admin ? 'admin' : 'user' })
    print(`Created ${created.role === 'admin' ? 'the administrator' : 'the user'} ${shown(created)}.`)
  })

const PAGE = 1000

export const listUsers = (prefix: string | undefined, { admins }: { readonly admins?: true }): Promise<void> =>
  withDatabase(async ({ administration }) => {
    const role = admins ? 'admin' : undefined
    print(rowOf('ID', 'ROLE', 'STATUS', 'REGISTERED', 'NAME'))
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page = await administration.list({ prefix, role, after, limit: PAGE })
      for (const user of page)
        print(rowOf(String(user.id), user.role, user.status, dayOf(user.createdAt), user.username))
      after = page.length < PAGE ? undefined : page.at(-1)?.id
    }
  })

const rowOf = (id: string, role: string, status: string, day: string, name: string): string =>
  `${id.padEnd(10)}  ${role.padEnd(5)}  ${status.padEnd(9)}  ${day.padEnd(10)}  ${name}`

/** Returns the date of a time, for example `2026-01-31`. */
const dayOf = (ms: number): string => timestamp(ms).slice(0, 10)

/**
 * Runs `users promote`. Asks for confirmation, and shows the age of the account, because the account of an impostor is likely
 * to be new.
 */
export const promoteUser = (name: string, { yes }: ConfirmOptions): Promise<void> =>
  withDatabase(async ({ database, administration }) => {
    const user = await findUser(database, name)
    const days = Math.floor((systemClock.now() - user.createdAt) / DAY_MS)
    const age = days < 1 ? 'less than a day ago' : days === 1 ? 'a day ago' : `${days} days ago`
    const question = `${shown(user)} registered ${age}, on ${dayOf(user.createdAt)}. Make this user an administrator?`
    if (!yes && !(await confirm(question))) return print('Nothing was changed.')
    await administration.change('operator', user.id, { role: 'admin' })
    print(`${shown(user)} is an administrator.`)
  })

const DAY_MS = 24 * 60 * 60 * 1000

/** Returns a function that changes a user and prints the outcome. */
const changing =
  (change: UserChange, outcome: string) =>
  (name: string): Promise<void> =>
    withDatabase(async ({ database, administration }) => {
      const user = await findUser(database, name)
      await administration.change('operator', user.id, change)
      print(`${shown(user)} ${outcome}`)
    })

export const demoteUser = changing({ role: 'user' }, 'is no longer an administrator.')
export const suspendUser = changing({ status: 'suspended' }, 'is suspended. Every session has ended.')
export const restoreUser = changing({ status: 'active' }, 'can log in again.')

/** Runs `users delete`. Asks for confirmation, and ends the account. A running service then removes the data of the user. */
export const deleteUser = (name: string, { erase, yes }: ConfirmOptions & { readonly erase?: true }): Promise<void> =>
  withDatabase(async ({ database, settings, requestDeletion }) => {
    const user = await findUser(database, name)
    const isErased = erase || settings.onDelete === 'erase'
    const messages = isErased ? 'erase every message of the user' : 'keep the messages under another name'
    const question = `Delete ${shown(user)} and ${messages}? This cannot be undone.`
    if (!yes && !(await confirm(question))) return print('Nothing was changed.')
    await requestDeletion(user.id, { erase, by: 'operator' })
    print(`${shown(user)} is deleted. Every session has ended. A running service removes the rest.`)
  })

export const resetPassword = (name: string): Promise<void> =>
  withDatabase(async ({ database, settings, administration }) => {
    const user = await findUser(database, name)
    const { token, lifetimeMs } = await administration.resetPassword('operator', user.id)
    const page = settings.mailLinkUrl ?? (settings.publicUrl && `${settings.publicUrl.replace(/\/$/, '')}/app`)
    print(
      `With this token, ${shown(user)} can choose a new password within ${lifetimeMs / HOUR_MS} hours.`,
      'The token is shown only once. The current password stays valid until the user sets a new one.',
      '',
      page ? `${page}#reset=${token}` : `  ${token}`
    )
  })

const HOUR_MS = 60 * 60 * 1000

export const removeFactors = (name: string): Promise<void> =>
  withDatabase(async ({ database, operator }) => {
    const user = await findUser(database, name)
    const isRemoved = await operator.removeFactors(user.id)
    print(isRemoved ? `${shown(user)} now logs in with the password alone.` : `${shown(user)} has no second factor.`)
  })

/** Returns the name and the id of a user, for a message to the operator. */
export const shown = ({ id, username }: Pick<UserRecord, 'id' | 'username'>): string => `${username} (id ${id})`

/** Returns the user with a name, regardless of case. If there is none, throws an error for the operator. */
export const findUser = async (database: ChatDatabase, name: string): Promise<UserRecord> => {
  const user = name.includes('\u0000') ? undefined : await database.users.findByUsername(name)
  if (user) return user
  throw new Error(`There is no user ${JSON.stringify(name)}. Run \`fastify-chat users list\`.`)
}
