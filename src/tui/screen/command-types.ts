/** Defines the types of the commands that call the service over HTTP, and the patterns that several of these commands use. */
import type { ChatApi, Inbox } from '../../../client/src/index.ts'
import type { Apis } from '../apis.ts'

export interface CommandOptions {
  readonly api: ChatApi
  readonly apis: Apis
  readonly inbox: Inbox
  /** The name of the current room. */
  readonly room: string
  /** Goes to a room, and shows `notice` there. */
  readonly openRoom: (name: string, notice?: string) => void
  /** Shows a text in the room in which the command was typed. */
  readonly notify: (text: string) => void
  /** Hides the messages of a user, or shows them again. */
  readonly setBlocked: (userId: number, isBlocked: boolean) => void
}

export interface Command {
  /** The sentence that is shown if the text after the name of the command does not match `pattern`. */
  readonly usage: string
  /** Matches the text after the name of the command. */
  readonly pattern: RegExp
  /** Runs the command. `groups` are the groups of the pattern. */
  run(groups: readonly (string | undefined)[], options: CommandOptions): Promise<void>
}

/** Patterns for a command without a text, with a text, and with a single word. The text or the word is the only group. */
export const NOTHING = /^$/
export const TEXT = /^(.+)$/
export const NAME = /^(\S+)$/
