/** Maps the people of another issuer to users, and creates a user for each person on first use. */
import type { IssuerUser } from '../../db/repositories/identities.ts'
import type { UserRecord } from '../../db/repositories/users.ts'
import { whenKnown } from '../../lib/when-known.ts'
import { ChatError, hasCode } from '../../protocol/errors.ts'
import type { AccountsContext } from '../context.ts'
import { createUnlessHeld, hashOfName } from '../held-names.ts'
import { createUserLookup } from '../user-lookup.ts'
import type { IssuerClaims } from './claims.ts'
import { usernamesFor } from './usernames.ts'

export interface PeopleOptions {
  readonly context: AccountsContext
  /** The `iss` claim. Together with `sub`, it identifies a person. Names and addresses do not identify a person. */
  readonly issuer: string
}

/** Returns the user of a person. Synchronous if the user is cached. */
export type FindUser = (claims: IssuerClaims) => IssuerUser | Promise<IssuerUser>

/** Thrown to roll back the creation of a user, because another request has created a user for the same person. */
class AlreadyCreated extends Error {}

export const createPeople = ({ context, issuer }: PeopleOptions): FindUser => {
  const { database } = context
  const find = (subjects: readonly string[]) => database.identities.find(issuer, subjects)
  const lookUp = createUserLookup(find, context.clock.monotonic)
  const creating = new Map<string, Promise<IssuerUser>>()

  /** Creates a user with this name. Returns undefined if the name is taken or held. Throws AlreadyCreated. */
  const createAs = async (username: string, subject: string): Promise<UserRecord | undefined> => {
    const nameHash = await hashOfName(context, username)
    try {
      return await database.transaction(async repositories => {
        const user = await createUnlessHeld(repositories, { username, hashedPassword: null }, nameHash)
        if (!(await repositories.identities.add({ issuer, subject, userId: user.id }))) throw new AlreadyCreated()
        await repositories.audit.record({ event: 'identity_added', userId: user.id })
        return user
      })
    } catch (error) {
      if (hasCode(error, 'username_taken')) return undefined
      throw error
    }
  }

  const create = async ({ subject, name }: IssuerClaims): Promise<IssuerUser> => {
    for (const username of usernamesFor(name)) {
      try {
        const user = await createAs(username, subject)
        if (user) return { user, tokensFrom: null }
      } catch (error) {
        if (!(error instanceof AlreadyCreated)) throw error
        const existing = (await find([subject])).get(subject)
        if (existing) return existing
      }
    }
    throw new ChatError(
      'unavailable',
      'Your account could not be created, because no free username was found. Try again.'
    )
  }

  /** Creates the user only once if several requests of a new person arrive at the same time. */
  const createOnce = (claims: IssuerClaims): Promise<IssuerUser> => {
    const { subject } = claims
    const running = creating.get(subject) ?? create(claims).finally(() => creating.delete(subject))
    creating.set(subject, running)
    return running
  }

  return claims =>
    whenKnown<IssuerUser | undefined, IssuerUser>(lookUp(claims.subject), found => found ?? createOnce(claims))
}
