/**
 * Defines what a kind of entry consists of. Everything that is specific to one kind is in a file of its own, such as message.ts.
 */
import type { Static, TLiteral, TObject, TProperties, TSchema } from '@sinclair/typebox'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { Action } from '../access/authorize.ts'

/** The columns whose text is encrypted. */
export type EncryptedColumn = 'content' | 'meta'

/** The content of an entry as plain text. `meta` and `detail` are JSON. */
export interface Body extends Readonly<Record<EncryptedColumn, string | null>> {
  /** The `seq` of the message that the entry is about. */
  readonly target?: number | null
  /** Data that is stored unencrypted, so that SQL can read it. */
  readonly detail?: string | null
}

/** The content of an entry as a frame contains it, with parsed JSON. */
export interface ShownBody {
  readonly content: string | null
  readonly meta?: Record<string, unknown> | undefined
  readonly target?: number | undefined
  readonly detail?: Record<string, unknown> | undefined
}

/** The limits for commands. */
export interface PrepareContext {
  /** Maximum length of a message, in characters (Unicode code points). */
  readonly maxMessageLength: number
}

/** The fields that all commands share. A command is what a client sends to append an entry. */
export interface Command {
  readonly type?: string
  readonly room?: string | undefined
  readonly nonce?: string | undefined
  readonly ref?: string | undefined
}

/**
 * The HTTP route that appends an entry of a kind. Its body is the command without the fields that are in the path or in headers.
 */
export interface HttpTwin {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** The path below the room's path. A parameter `:name` is the field `name` of the command. */
  readonly path: string
  readonly operationId: string
  readonly summary: string
  readonly description: string
  /** The schema of the body, if it has a name in the OpenAPI document. By default it is derived from the command. */
  readonly body?: TSchema
  /** The codes of errors that are specific to this kind. */
  readonly errors?: readonly ErrorCode[]
}

type CommandSchema = TObject<TProperties & { type: TLiteral<string> }>

/** The definition of one kind of entry. */
export interface KindDefinition<Schema extends CommandSchema> {
  /**
   * The name of the kind, in the column `kind` and as the `type` of its frames. A name with a dot belongs to a host application.
   */
  readonly kind: string
  /** The action that must be authorized before an entry is appended. */
  readonly action: Action
  /** The schema of the frame that a client sends to append an entry. Its `type` may differ from the kind. */
  readonly command: Schema
  /** The schema of the frame that subscribers receive. */
  readonly frame: TObject
  /** Summaries of the two frames, for the AsyncAPI document. */
  readonly summary: { readonly command: string; readonly frame: string }
  /** The columns that entries of the kind use, each as a Fernet token. If `content` is one of them, a null there means erased. */
  readonly encrypted: readonly EncryptedColumn[]
  /**
   * True if `beforeMessage` may edit or reject entries of the kind. Their command must have `content` and `meta` like a message.
   */
  readonly isEditable?: boolean
  readonly http?: HttpTwin
  /**
   * Returns what to store for a command. Throws a ChatError if the command is not valid. Conflicts with other entries are not
   * checked here but in SQL, under the lock of the room.
   */
  prepare(command: Omit<Static<Schema>, 'type'>, context: PrepareContext): Body
  /** Returns the fields of the frame that are specific to the kind. */
  show(body: ShownBody): object
}

/** A kind of entry, in the form that does not depend on the schema of its command. */
export interface Kind extends Omit<KindDefinition<CommandSchema>, 'prepare'> {
  /** The `type` of its command. */
  readonly commandType: string
  prepare(command: Command, context: PrepareContext): Body
}

/** Defines a kind of entry. */
export const defineKind = <Schema extends CommandSchema>(definition: KindDefinition<Schema>): Kind => ({
  ...definition,
  commandType: definition.command.properties.type.const,
  // The cast is safe, because the frame decoder and the routes have validated the command against the schema.
  prepare: (command, context) => definition.prepare(command as Omit<Static<Schema>, 'type'>, context)
})
