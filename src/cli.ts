#!/usr/bin/env node
/** Runs the command-line program `fastify-chat`. Exit codes: 0 success, 1 failure, 2 wrong usage. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import type { MigrateCommand, MigrateOptions } from './cli/migrate.ts'
import { printError, printToError } from './cli/print.ts'
import { version } from './lib/package.ts'

// Prints only a redacted message, because Node would print the whole error. Does nothing if a server is running, because the
// server has its own handlers (src/signals.ts).
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, error => {
    if (process.listenerCount(event) > 1) return
    printError(error)
    process.exit(1)
  })
}

/**
 * Returns an action that loads its module when the command runs. Loading the modules of all commands takes longer than running
 * most commands.
 */
const load =
  <Module, Name extends keyof Module>(module: () => Promise<Module>, name: Name) =>
  async (...given: unknown[]): Promise<void> => {
    const action = (await module())[name] as (...given: unknown[]) => void | Promise<void>
    await action(...given)
  }
const migration = (name: MigrateCommand) => async (options: MigrateOptions) =>
  (await import('./cli/migrate.ts')).migrate(name, options)
const ofUsers = () => import('./cli/users.ts')

const collect = (value: string, earlier: readonly string[]): string[] => [...earlier, value]

const program = new Command('fastify-chat')
  .description('A self-hosted real-time chat service. Settings come from the environment and from .env.')
  .version(version)
  .configureOutput({ writeErr: printToError })
  .showHelpAfterError('(see fastify-chat --help)')
  .exitOverride()

program
  .command('serve')
  .description('run the service, in production')
  .action(load(() => import('./cli/serve.ts'), 'serve'))

program
  .command('dev')
  .description(
    'run the service for development: writes .env if it is missing, and uses an embedded database if none is set'
  )
  .action(load(() => import('./cli/dev.ts'), 'dev'))

program
  .command('check')
  .description('try everything on which the service depends: the settings, the database, mail, the proxy, and more')
  .action(load(() => import('./cli/check.ts'), 'check'))

program
  .command('status')
  .description('show the running processes: their versions, keys, connections, and the lag of the bus')
  .action(load(() => import('./cli/status.ts'), 'showStatus'))

const migrate = program.command('migrate').description('apply or revert database migrations')
migrate.command('up').description('apply every pending migration').action(migration('up'))
migrate
  .command('down')
  .description('revert the newest migration; says which data that deletes, and asks for confirmation')
  .option('-y, --yes', 'do not ask for confirmation')
  .action(migration('down'))
migrate
  .command('finish')
  .description('finish an upgrade, after which older releases can no longer write; asks for confirmation')
  .option('-y, --yes', 'do not ask for confirmation')
  .action(migration('finish'))
migrate.command('status').description('show the state of every migration').action(migration('status'))

const users = program.command('users').description('create, list and change users; the case of names is ignored')
users
  .command('create <name>')
  .description('create a user; the password is read from the terminal or from the standard input')
  .option('--admin', 'make the user an administrator')
  .action(load(ofUsers, 'createUser'))
users
  .command('list [prefix]')
  .description('list users, or those whose names begin with a prefix')
  .option('--admins', 'list only administrators')
  .action(load(ofUsers, 'listUsers'))
users
  .command('promote <name>')
  .description('make a user an administrator; shows the age of the account and asks for confirmation')
  .option('-y, --yes', 'do not ask for confirmation')
  .action(load(ofUsers, 'promoteUser'))
users
  .command('demote <name>')
  .description('remove the role of administrator from a user')
  .action(load(ofUsers, 'demoteUser'))
users
  .command('suspend <name>')
  .description('suspend a user: end every session, and reject logins until the user is restored')
  .action(load(ofUsers, 'suspendUser'))
users.command('restore <name>').description('let a suspended user log in again').action(load(ofUsers, 'restoreUser'))
users
  .command('delete <name>')
  .description('delete the account of a user; asks for confirmation')
  .option('--erase', 'erase every message of the user too')
  .option('-y, --yes', 'do not ask for confirmation')
  .action(load(ofUsers, 'deleteUser'))
users
  .command('reset-password <name>')
  .description('print a token with which a user can choose a new password')
  .action(load(ofUsers, 'resetPassword'))
users
  .command('remove-factors <name>')
  .description('remove the authenticator app, the passkeys and the recovery codes of a user who lost them')
  .action(load(ofUsers, 'removeFactors'))

program
  .command('sessions')
  .description('manage sessions')
  .command('revoke [name]')
  .description('end every session of a user, or of all users; --all asks for confirmation')
  .option('--all', 'end the sessions of all users')
  .option('-y, --yes', 'do not ask for confirmation')
  .action(load(() => import('./cli/sessions.ts'), 'revokeSessions'))

const ofRotation = () => import('./cli/key-rotation.ts')
const keys = program.command('keys').description('generate keys, and rotate the ENCRYPTION_KEY')
keys
  .command('generate')
  .description('print a new SECRET_KEY and ENCRYPTION_KEY, in the format of .env')
  .action(load(() => import('./cli/keys.ts'), 'generateKeys'))
keys
  .command('status')
  .description('show which keys encrypt the stored data, and which keys can be removed')
  .action(load(ofRotation, 'showKeys'))
keys
  .command('rotate')
  .description('encrypt all stored data with the current ENCRYPTION_KEY; the service may keep running')
  .action(load(ofRotation, 'rotateKeys'))

program
  .command('epochs')
  .description('manage the incarnations of the logs')
  .command('renew')
  .description('give every room a new epoch after a restore, so that clients load the history again; asks first')
  .option('-y, --yes', 'do not ask for confirmation')
  .action(load(() => import('./cli/epochs.ts'), 'renewEpochs'))

program
  .command('import-fastapi')
  .description(
    'move the users and messages of a FastAPI Chat Backend into this service; reads FASTAPI_DATABASE_URL and FASTAPI_ENCRYPTION_KEY'
  )
  .option('--dry-run', 'only report what would be imported')
  .option('--rename <old=new>', 'import a user under another name; may be repeated', collect, [])
  .option('--room <name>', 'the room that receives the messages', 'general')
  .option('--skip-unreadable', 'leave out messages that have no user or that the key does not decrypt')
  .option('--change-times', 'import into a room that has later entries')
  .action(load(() => import('./cli/import-fastapi.ts'), 'importFastApi'))

program
  .command('openapi')
  .description('print the OpenAPI document')
  .option('-o, --output <file>', 'write the document to a file instead')
  .action(load(() => import('./cli/openapi.ts'), 'writeOpenApi'))

const seconds = (value: string): number => {
  if (Number(value) > 0) return Number(value)
  throw new InvalidArgumentError('Use a positive number of seconds.')
}

program
  .command('client')
  .description('chat in this terminal; the password can be set as FASTIFY_CHAT_PASSWORD')
  .option('--url <url>', 'URL of the service', 'http://localhost:8000')
  .option('--username <name>', 'your username')
  .option('--room <name>', 'the first room to open', 'general')
  .option('--remember', 'keep the session in a file that only you can read')
  .option('--send', 'send the standard input as one message, and exit')
  .addOption(new Option('--lines', 'send each line of the standard input as a message').implies({ send: true }))
  .option('--json', 'print each frame as a line of JSON')
  .option('--timeout <seconds>', 'how long --send waits for the acknowledgement', seconds, 30)
  .action(load(() => import('./cli/client.ts'), 'client'))

try {
  await program.parseAsync()
} catch (error) {
  // Commander has already printed its own errors.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else {
    printError(error)
    process.exit(1)
  }
}
