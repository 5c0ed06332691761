/** Runs `fastify-chat import-fastapi`: moves the users and messages of a FastAPI Chat Backend into this service. */

import { createUnlessHeld, hashOfName } from '../accounts/held-names.ts'
import { readForCommand } from '../config/environment.ts'
import { createKeyring } from '../crypto/keyring.ts'
import { openClient, waitForDatabase } from '../db/client/open.ts'
import { exclusively } from '../db/exclusive.ts'
import { createFastApiSource, type FastApiSource } from '../db/fastapi-source.ts'
import { systemClock, timestamp } from '../lib/clock.ts'
import { createPace } from '../lib/pace.ts'
import { type ImportContext, importMessages, importUsers, verifyMessages } from '../ops/import-fastapi/import.ts'
import { sourceKeyOf } from '../ops/import-fastapi/source-key.ts'
import { isBcrypt, type Survey, survey } from '../ops/import-fastapi/survey.ts'
import { lowerPriority } from './low-priority.ts'
import { print } from './print.ts'
import { withProgress } from './progress.ts'
import { type AccountTools, withDatabase } from './with-database.ts'

export interface ImportOptions {
  readonly dryRun?: true
  /** New names for users whose names cannot be imported, as `OLD=NEW`. */
  readonly rename: readonly string[]
  readonly room: string
  readonly skipUnreadable?: true
  readonly changeTimes?: true
}

/** Runs the command. Rejects if anything cannot be imported, unless the options say what to do about it. */
export const importFastApi = async (options: ImportOptions): Promise<void> => {
  lowerPriority()
  const renames = renamesOf(options.rename)
  const given = readForCommand(['fastapiDatabaseUrl', 'fastapiEncryptionKey'])
  // SQLAlchemy adds the name of its driver to the scheme: postgresql+asyncpg://
  const url = given.fastapiDatabaseUrl.replace(/^(postgres(?:ql)?)\+\w+:/, '$1:')
  const client = await openClient({ url, poolMax: 1 })
  try {
    await withDatabase(async tools => {
      await waitForDatabase(client, { seconds: tools.settings.databaseWaitSeconds })
      const { client: ours, schema } = tools.database
      await exclusively(ours, { schema, name: 'import-fastapi' }, () =>
        run(tools, createFastApiSource(client), { ...options, renames, key: given.fastapiEncryptionKey })
      )
    }, WITH_LOCK)
  } finally {
    await client.close()
  }
}

/** Maximum number of messages per transaction. */
const MAX_ROWS = 500
/** Target duration of a transaction in milliseconds. Messages that others send to the room wait for the transaction. */
const BATCH_MS = 5

/** The maximum number of connections: one holds the lock, and one does the work. */
const WITH_LOCK = { poolMax: 2 }

const renamesOf = (pairs: readonly string[]): Map<string, string> =>
  new Map(
    pairs.map(pair => {
      const at = pair.lastIndexOf('=')
      if (at < 1) throw new Error(`--rename ${JSON.stringify(pair)} is not valid. Use --rename 'OLD NAME=NEW_NAME'.`)
      return [pair.slice(0, at), pair.slice(at + 1)]
    })
  )

interface RunOptions extends ImportOptions {
  readonly renames: ReadonlyMap<string, string>
  readonly key: string
}

const run = async (tools: AccountTools, source: FastApiSource, options: RunOptions): Promise<void> => {
  const { database, lookupKeys } = tools
  const sourceKeyring = createKeyring({ current: sourceKeyOf(options.key), now: systemClock.now })
  const isHeld = async (name: string) => database.heldNames.isHeld(await hashOfName({ lookupKeys }, name))
  const room = await roomOf(tools, options.room)
  const before = (await database.fastApiImport.progress())?.lastId ?? source.beforeFirst
  const { renames } = options
  const found = await withProgress('checking', await source.countMessages(before), onRows =>
    survey({ database, source, sourceKeyring, renames, isHeld, onRows })
  )
  print(...reportOf(found))
  if (room.isPrivate)
    print('', 'The room is private. The imported users cannot read it before you add them as members.')
  refuse(found, options, room.lastAt)
  if (options.dryRun) return print('', 'Nothing was changed, because of --dry-run.')

  const pace = createPace(systemClock, { maxRows: MAX_ROWS, batchMs: BATCH_MS })
  const createUser = creator(tools)
  const context: ImportContext = { database, keyring: tools.keyring, source, sourceKeyring, createUser, pace }
  await database.fastApiImport.begin({ roomId: room.id, lastId: found.lastId })
  const users = await withProgress('importing users', found.users, onRows => importUsers(context, found.names, onRows))
  const began = systemClock.monotonic()
  const { stored, skipped, moved } = await withProgress('importing messages', found.messages, onRows =>
    importMessages(context, onRows)
  )
  const seconds = Math.max(0.001, (systemClock.monotonic() - began) / 1000)
  print(
    '',
    `Imported ${numbered(users, 'user')} and ${numbered(stored, 'message')} (${shown(Math.round(stored / seconds))} a second).`,
    ...(skipped > 0
      ? [`Skipped ${numbered(skipped, 'message')}: unreadable, or of an account that was deleted in this service.`]
      : []),
    ...(moved > 0
      ? [
          `${numbered(moved, 'message')} got the time of the previous entry, because the original time is earlier, in the future, or missing.`
        ]
      : [])
  )
  const reach = await database.rooms.reach(room.id)
  const isExpired = (reach?.oldestSeq ?? 1) > 1
  const { equal, gone, wrong } = await withProgress('comparing', found.messages, onRows =>
    verifyMessages(context, { after: found.lastId, isExpired, onRows })
  )
  print(
    `Compared with the other service: ${numbered(equal, 'message')} equal, ${shown(gone)} erased or expired in the meantime.`
  )
  if (wrong.length > 0)
    throw new Error(
      `Imported messages are missing or differ. The first ones have these ids in the other service: ${wrong.join(', ')}. Compare them in both services.`
    )
}

/** Returns the room of the import, and the time of its newest entry in milliseconds since the epoch. */
const roomOf = async ({ database }: AccountTools, name: string) => {
  const room = await database.rooms.findByName(name)
  if (!room)
    throw new Error(`There is no room ${JSON.stringify(name)}. Create it in the service, or use another --room.`)
  if (room.archived || room.visibility === 'direct')
    throw new Error(`The room ${JSON.stringify(name)} is archived or direct. Use another --room.`)
  const progress = await database.fastApiImport.progress()
  if (progress && progress.roomId !== room.id)
    throw new Error('An earlier run imported messages into another room. Use the same --room as before.')
  return { id: room.id, isPrivate: room.visibility === 'private', lastAt: await database.fastApiImport.lastAt(room.id) }
}

const creator =
  ({ database, lookupKeys }: AccountTools): ImportContext['createUser'] =>
  async ({ id: sourceId, hashedPassword: hash, createdAt }, username) => {
    const nameHash = await hashOfName({ lookupKeys }, username)
    return database.transaction(async repositories => {
      const hashedPassword = isBcrypt(hash) ? hash : null
      const user = { username, hashedPassword, ...(createdAt === null ? {} : { createdAt: new Date(createdAt) }) }
      const { id } = await createUnlessHeld(repositories, user, nameHash)
      await repositories.fastApiImport.recordUser(sourceId, id)
      return id
    })
  }

const SHOWN = 20
/** Maximum length of a printed name. */
const MAX_NAME = 100

const shownName = (name: string): string =>
  (name.length > MAX_NAME ? `${name.slice(0, MAX_NAME)}…` : name) || '(no name)'

/** Returns the lines that describe what the survey found. */
const reportOf = (found: Survey): string[] => [
  `The other service has ${numbered(found.users, 'user')}, of whom ${shown(found.importedUsers)} were imported before,`,
  `and ${numbered(found.messages, 'message')} to import.`,
  ...listOf(
    'These users have no bcrypt hash. They can log in after a reset of their password:',
    found.withoutPassword.map(shownName)
  ),
  ...listOf(
    'These names need --rename OLD=NEW:',
    found.nameProblems.map(({ name, problem }) => `${shownName(name)}: ${problem}`)
  ),
  ...listOf(
    'These messages have no user, are too long, or FASTAPI_ENCRYPTION_KEY does not decrypt them (ids in the other service):',
    found.unreadable.map(String)
  )
]

const listOf = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0
    ? []
    : [
        '',
        title,
        ...lines.slice(0, SHOWN).map(line => `  ${line}`),
        ...(lines.length > SHOWN ? [`  … and ${shown(lines.length - SHOWN)} more`] : [])
      ]

/** Throws an error if the import needs a decision of the operator. */
const refuse = (found: Survey, options: ImportOptions, lastAt: number | undefined): void => {
  if (found.nameProblems.length > 0)
    throw new Error(`${numbered(found.nameProblems.length, 'name')} cannot be imported. Add --rename for each of them.`)
  if (found.unreadable.length > 0 && !options.skipUnreadable)
    throw new Error(
      `${numbered(found.unreadable.length, 'message')} cannot be read. Check FASTAPI_ENCRYPTION_KEY, or leave them out with --skip-unreadable.`
    )
  if (lastAt !== undefined && found.earliest !== undefined && found.earliest < lastAt && !options.changeTimes)
    throw new Error(
      `The room has an entry of ${timestamp(lastAt)}, later than a message to import. The times in a room never go back: use ` +
        'another --room, or add --change-times to give the messages the time of that entry.'
    )
}

const shown = (count: number): string => count.toLocaleString('en-US')
const numbered = (count: number, one: string, many = `${one}s`): string => `${shown(count)} ${count === 1 ? one : many}`
