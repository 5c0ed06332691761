/** Parses and runs the commands that call the service over HTTP. */
import { ChatApiError } from '../../../client/src/index.ts'
import type { Command, CommandOptions } from './command-types.ts'
import { LIST_COMMANDS } from './list-commands.ts'
import { MEMBER_COMMANDS } from './member-commands.ts'
import { MODERATION_COMMANDS } from './moderation-commands.ts'
import { refusalText } from './refusals.ts'
import { SAFETY_COMMANDS } from './safety-commands.ts'

const COMMANDS = { ...MEMBER_COMMANDS, ...MODERATION_COMMANDS, ...LIST_COMMANDS, ...SAFETY_COMMANDS }

export interface RoomCommand {
  readonly kind: keyof typeof COMMANDS
  readonly argument: string
}

const isKind = (name: string): name is RoomCommand['kind'] => Object.hasOwn(COMMANDS, name)

/**
 * Parses a command. The text after the name of the command may be long and have several lines, for example the reason of a ban.
 * Returns the command even if this text is wrong, so that the line is not sent as a message.
 */
export const parseRoomCommand = (text: string): RoomCommand | undefined => {
  const [, kind = '', argument = ''] = /^\/([a-z]+)(?: ([\s\S]*))?$/.exec(text) ?? []
  return isKind(kind) ? { kind, argument: argument.trim() } : undefined
}

/** Runs a command. Never rejects. Reports results and errors to the user with `notify`. */
export const runRoomCommand = async ({ kind, argument }: RoomCommand, options: CommandOptions): Promise<void> => {
  const command: Command = COMMANDS[kind]
  const match = command.pattern.exec(argument)
  if (!match) return options.notify(command.usage)
  try {
    await command.run(match.slice(1), options)
  } catch (error) {
    options.notify(sentenceOf(error))
  }
}

const sentenceOf = (error: unknown): string => {
  if (!(error instanceof ChatApiError)) return error instanceof Error ? error.message : String(error)
  return error.code === 'not_found' ? 'This service does not offer this command.' : refusalText(error)
}
