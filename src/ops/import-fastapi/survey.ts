/** Reads everything that would be imported from a FastAPI Chat Backend, and finds what cannot be imported. Writes nothing. */
import type { Keyring } from '../../crypto/keyring.ts'
import type { ChatDatabase } from '../../db/database.ts'
import type { FastApiSource, SourceUser } from '../../db/fastapi-source.ts'
import { type NameProblem, renamed } from './names.ts'

export interface SurveyContext {
  readonly database: Pick<ChatDatabase, 'fastApiImport' | 'users'>
  readonly source: FastApiSource
  readonly sourceKeyring: Pick<Keyring, 'decrypt'>
  readonly renames: ReadonlyMap<string, string>
  /** Returns whether a name may not be registered, because it belonged to a deleted account. */
  readonly isHeld: (name: string) => Promise<boolean>
  /** Called with the number of messages that were just read. */
  readonly onRows: (rows: number) => void
}

export interface Survey {
  readonly users: number
  /** Number of users that an earlier run has imported. */
  readonly importedUsers: number
  /** The name in this service, keyed by the id in the other service. */
  readonly names: ReadonlyMap<number, string>
  readonly nameProblems: readonly NameProblem[]
  /** The names of the users without a bcrypt hash of their password. They cannot log in until their password is reset. */
  readonly withoutPassword: readonly string[]
  readonly messages: number
  /** The source ids of messages that have no known author, no text, or a text that the key does not decrypt. */
  readonly unreadable: readonly number[]
  /** The source id of the last message that an earlier run has read. If there was no earlier run, less than every source id. */
  readonly lastId: number
  /** The earliest time of the messages that were not imported yet, in milliseconds since the epoch. */
  readonly earliest: number | undefined
}

/** Matches a hash that `@node-rs/bcrypt` verifies. */
const BCRYPT = /^\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}$/

/** Returns whether a hash of the other service can verify a password in this service. */
export const isBcrypt = (hash: string | null): hash is string => hash !== null && BCRYPT.test(hash)

export const survey = async (context: SurveyContext): Promise<Survey> => {
  const { database, source, sourceKeyring, renames, isHeld, onRows } = context
  const users: SourceUser[] = []
  for await (const page of source.users()) users.push(...page)
  const imported = await database.fastApiImport.users()
  const { byId, problems } = renamed(users, renames)
  const importedNames = new Set(users.filter(({ id }) => imported.has(id)).map(({ username }) => username))
  const problemNames = new Set(problems.map(({ name }) => name))
  const taken: NameProblem[] = []
  for (const { id, username } of users) {
    const name = byId.get(id) ?? username
    if (imported.has(id) || problemNames.has(username)) continue
    if ((await database.users.findByUsername(name)) || (await isHeld(name)))
      taken.push({
        name: username,
        problem: 'is the name of another user of this service, or of an account that was deleted in this service'
      })
  }

  const known = new Set(users.map(({ id }) => id))
  const lastId = (await database.fastApiImport.progress())?.lastId ?? source.beforeFirst
  const unreadable: number[] = []
  let messages = 0
  let earliest: number | undefined
  for await (const page of source.messages(lastId)) {
    messages += page.length
    for (const { id, userId, content, createdAt } of page) {
      const isReadable =
        content !== null && userId !== null && known.has(userId) && sourceKeyring.decrypt(content) !== undefined
      if (!isReadable) unreadable.push(id)
      if (createdAt !== null) earliest = Math.min(earliest ?? createdAt, createdAt)
    }
    onRows(page.length)
  }
  return {
    users: users.length,
    importedUsers: importedNames.size,
    names: byId,
    // Ignores problems with the names of users that an earlier run has imported, because these names were valid at that time.
    nameProblems: [...problems.filter(({ name }) => !importedNames.has(name)), ...taken],
    withoutPassword: users.filter(({ hashedPassword }) => !isBcrypt(hashedPassword)).map(({ username }) => username),
    messages,
    unreadable,
    lastId,
    earliest
  }
}
