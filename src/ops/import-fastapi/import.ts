/**
 * Imports the users and messages of a FastAPI Chat Backend. Users keep their password hashes, if these are bcrypt hashes.
 * Messages are decrypted with the key of the other service and encrypted with the current key. They keep their order. They also
 * keep their times, except those that `ImportedMessages.moved` counts. An interrupted import continues where it stopped, and a
 * repeated import adds only new users and messages.
 */
import type { Keyring } from '../../crypto/keyring.ts'
import type { ChatDatabase } from '../../db/database.ts'
import type { FastApiSource, SourceMessage, SourceUser } from '../../db/fastapi-source.ts'
import type { ImportedMessage } from '../../db/repositories/fastapi-import.ts'
import type { Pace } from '../../lib/pace.ts'

export interface ImportContext {
  readonly database: Pick<ChatDatabase, 'fastApiImport' | 'transaction' | 'users'>
  readonly keyring: Pick<Keyring, 'encrypt' | 'decrypt'>
  readonly source: FastApiSource
  /** Decrypts the Fernet tokens of the other service. */
  readonly sourceKeyring: Pick<Keyring, 'decrypt'>
  /** Creates a user, and stores that the user was imported, in one transaction. Returns the id of the new user. */
  readonly createUser: (user: SourceUser, username: string) => Promise<number>
  /** Sets the number of messages per transaction, and the pauses between the transactions. */
  readonly pace: Pace
}

/** Called with the number of rows that were just read, imported or compared. */
type OnRows = (rows: number) => void

/** Creates the users that were not imported yet. Returns their number. */
export const importUsers = async (
  { database, source, createUser }: ImportContext,
  names: ReadonlyMap<number, string>,
  onRows: OnRows
): Promise<number> => {
  const imported = await database.fastApiImport.users()
  let created = 0
  for await (const page of source.users()) {
    for (const user of page) {
      if (imported.has(user.id)) continue
      await createUser(user, names.get(user.id) ?? user.username)
      created++
    }
    onRows(page.length)
  }
  return created
}

/** The result of the import of messages. */
export interface ImportedMessages {
  readonly stored: number
  /**
   * Number of messages that were not imported. A message is skipped if it has no author, if its text cannot be read, or if the
   * account of its author in this service was deleted.
   */
  readonly skipped: number
  /** The number of messages whose time was changed, because it was earlier than the previous entry, in the future, or missing. */
  readonly moved: number
}

/**
 * Appends the messages that were not imported yet. Each batch locks the room, and appends of running processes wait for the
 * lock. So the batches are small, and there are pauses between them.
 */
export const importMessages = async (context: ImportContext, onRows: OnRows): Promise<ImportedMessages> => {
  const { database, source, pace } = context
  const authors = await database.fastApiImport.users()
  const total = { stored: 0, skipped: 0, moved: 0 }
  let from = (await database.fastApiImport.progress())?.lastId ?? source.beforeFirst
  const append = async (read: readonly SourceMessage[]): Promise<void> => {
    const to = read.at(-1)?.id ?? from
    const batch = await batchOf(context, read, authors)
    const moved = await database.transaction(({ fastApiImport }) => fastApiImport.append({ from, to }, batch))
    if (moved === undefined)
      throw new Error(
        'The import stopped, because another import is running or the room was deleted. Wait until the other import has ended, and run this import again. An import into a deleted room cannot continue.'
      )
    from = to
    total.stored += batch.length
    total.skipped += read.length - batch.length
    total.moved += moved
    onRows(read.length)
  }
  for await (const page of source.messages(from))
    for (let at = 0; at < page.length; )
      await pace.run(rows => {
        const read = page.slice(at, at + rows)
        at += read.length
        return append(read)
      })
  return total
}

const authorOf = (authors: ReadonlyMap<number, number>, userId: number | null): number | undefined =>
  userId === null ? undefined : authors.get(userId)

const batchOf = async (
  { database, keyring, sourceKeyring }: ImportContext,
  page: readonly SourceMessage[],
  authors: ReadonlyMap<number, number>
): Promise<ImportedMessage[]> => {
  const userIds = [...new Set(page.map(({ userId }) => authorOf(authors, userId) ?? 0))]
  const users = await database.users.findByIds(userIds)
  return page.flatMap(({ id: sourceId, userId: sourceUserId, content, createdAt }) => {
    const user = users.get(authorOf(authors, sourceUserId) ?? 0)
    const text = content === null ? undefined : sourceKeyring.decrypt(content)
    // Messages of a deleted account are skipped, because the import would restore them.
    if (text === undefined || !user || user.status === 'deleting' || user.status === 'deleted') return []
    const { token, keyId } = keyring.encrypt(text)
    return [{ sourceId, userId: user.id, content: token, keyId, createdAt }]
  })
}

/** The comparison of the imported messages with the other service. */
export interface Verified {
  readonly equal: number
  /** Number of messages that were erased in this service, or whose retention time has ended. */
  readonly gone: number
  /** Source ids of messages that are missing or differ, or whose order differs. At most ten. */
  readonly wrong: readonly number[]
}

/**
 * Compares all messages after a source id with the stored messages: author, text and order. `isExpired` is true if messages of the
 * room may have expired.
 */
export const verifyMessages = async (
  { database, source, sourceKeyring, keyring }: ImportContext,
  { after, isExpired, onRows }: { readonly after: number; readonly isExpired: boolean; readonly onRows: OnRows }
): Promise<Verified> => {
  const authors = await database.fastApiImport.users()
  const wrong: number[] = []
  let equal = 0
  let gone = 0
  let lastSeq = 0
  for await (const page of source.messages(after)) {
    const wanted = page.flatMap(({ id: sourceId, userId }) => {
      const author = authorOf(authors, userId)
      return author === undefined ? [] : [{ sourceId, userId: author }]
    })
    const found = new Map((await database.fastApiImport.stored(wanted)).map(row => [row.sourceId, row]))
    const users = await database.users.findByIds([...new Set(wanted.map(({ userId }) => userId))])
    for (const { id, userId, content } of page) {
      const text = content === null ? undefined : sourceKeyring.decrypt(content)
      const status = users.get(authorOf(authors, userId) ?? 0)?.status
      if (text === undefined || status === undefined) continue
      const stored = found.get(id)
      if (!stored ? isExpired || status === 'deleting' || status === 'deleted' : stored.content === null) gone++
      else if (stored && stored.seq > lastSeq && keyring.decrypt(stored.content ?? '') === text) equal++
      else if (wrong.length < 10) wrong.push(id)
      lastSeq = stored?.seq ?? lastSeq
    }
    onRows(page.length)
  }
  return { equal, gone, wrong }
}
