#!/usr/bin/env node
/** The command-line program `fastify-chat`. Exit codes: 0 done, 1 it could not be done, 2 wrong usage. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import type { ClientOptions } from './cli/client.ts'
import { dev } from './cli/dev.ts'
import { generateKeys } from './cli/keys.ts'
import { migrateCommand } from './cli/migrate.ts'
import { writeOpenApi } from './cli/openapi.ts'
import { complain } from './cli/print.ts'
import { serve } from './cli/serve.ts'
import { version } from './lib/package.ts'

// Node would print the error with everything in it. A running server has handlers of its own, which stop it in order.
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, error => {
    if (process.listenerCount(event) > 1) return
    complain(error)
    process.exit(1)
  })
}

const program = new Command('fastify-chat')
  .description('A self-hosted real-time chat service. Settings come from the environment and from .env.')
  .version(version)
  .showHelpAfterError('(see fastify-chat --help)')
  .exitOverride()

program.command('serve').description('run the service, in production').action(serve)

program
  .command('dev')
  .description('run the service for development: writes .env and opens an embedded database when there is none')
  .action(dev)

const migrate = program.command('migrate').description('bring the database to this release, or back')
migrate.command('up').description('apply every pending migration').action(migrateCommand('up'))
migrate
  .command('down')
  .description('undo the newest migration, with the data that only it holds; asks first on a terminal')
  .option('-y, --yes', 'do not ask')
  .action(migrateCommand('down'))
migrate.command('status').description('show the history').action(migrateCommand('status'))

program
  .command('keys')
  .description('work with keys')
  .command('generate')
  .description('print a new SECRET_KEY and ENCRYPTION_KEY, in the form of .env')
  .action(generateKeys)

program
  .command('openapi')
  .description('print the OpenAPI document')
  .option('-o, --output <file>', 'write it to a file instead')
  .action(writeOpenApi)

const seconds = (value: string): number => {
  if (Number(value) > 0) return Number(value)
  throw new InvalidArgumentError('It must be a number of seconds.')
}

program
  .command('client')
  .description('chat in this terminal; a password may be given as FASTIFY_CHAT_PASSWORD')
  .option('--url <url>', 'where the service is', 'http://localhost:8000')
  .option('--username <name>', 'who you are')
  .option('--room <name>', 'the room to begin in', 'general')
  .option('--remember', 'keep the access token in a file that only you can read')
  .option('--send', 'send the standard input as one message, and leave')
  .addOption(new Option('--lines', 'send each line of the standard input as a message').implies({ send: true }))
  .option('--json', 'print every frame as a line of JSON')
  .option('--timeout <seconds>', 'how long --send waits for the acknowledgement', seconds, 30)
  .action(async (options: ClientOptions) => (await import('./cli/client.ts')).client(options))

try {
  await program.parseAsync()
} catch (error) {
  // Commander has said what was wrong.
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2
  else {
    complain(error)
    process.exit(1)
  }
}
