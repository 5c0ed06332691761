/** Finds the usernames of another service that break the rules of this one, and applies the renames of the operator. */
import type { SourceUser } from '../../db/fastapi-source.ts'
import { Username } from '../../protocol/http/users.ts'
import { brokenRules, compile } from '../../protocol/validation.ts'

/** A name that must be changed before the import, and why. */
export interface NameProblem {
  readonly name: string
  readonly problem: string
}

export interface Names {
  /** The name of each user in this service, keyed by the id in the other service. */
  readonly byId: ReadonlyMap<number, string>
  readonly problems: readonly NameProblem[]
}

const isName = compile(Username)

const rulesOf = (errors: typeof isName.errors): string =>
  brokenRules(errors ?? [])
    .map(({ rule }) => rule)
    .join(', ')

/** Folds the case of a name as the index of usernames does: only ASCII letters have a case. */
export const foldName = (name: string): string => name.replace(/[A-Z]/g, letter => letter.toLowerCase())

/**
 * Returns the names after the renames. A name is a problem if it breaks the rules of usernames, or if another user of the other
 * service has the same name regardless of case. A rename of a user whom the other service does not have is also a problem.
 */
export const renamed = (
  users: readonly Pick<SourceUser, 'id' | 'username'>[],
  renames: ReadonlyMap<string, string>
): Names => {
  const byId = new Map(users.map(({ id, username }) => [id, renames.get(username) ?? username]))
  const owners = new Map<string, Pick<SourceUser, 'username'> & { readonly name: string }>()
  const problems: NameProblem[] = []
  for (const { id, username } of users) {
    const name = byId.get(id) ?? username
    const owner = owners.get(foldName(name))
    if (!isName(name)) problems.push({ name: username, problem: rulesOf(isName.errors) })
    else if (owner === undefined) owners.set(foldName(name), { username, name })
    else if (owner.name === name)
      problems.push({ name: username, problem: `would have the same name as ${owner.username}: ${name}` })
    else problems.push({ name: username, problem: `differs from ${owner.name} only in case` })
  }
  const known = new Set(users.map(({ username }) => username))
  for (const name of renames.keys())
    if (!known.has(name)) problems.push({ name, problem: 'is renamed, but the other service has no such user' })
  return { byId, problems }
}
