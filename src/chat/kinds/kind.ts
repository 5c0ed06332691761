/** Defines what a kind of entry consists of. Everything specific to one kind is in its own file; see message.ts. */
import type { Static, TLiteral, TObject, TProperties, TSchema } from '@sinclair/typebox'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { Action } from '../access/authorize.ts'

/** The columns whose text is encrypted. */
export type EncryptedColumn = 'content' | 'meta'

/** What an entry holds beside its place in the log, as plain text; `meta` and `detail` are JSON. */
export interface Body extends Readonly<Record<EncryptedColumn, string | null>> {
  /** The `seq` of the message that the entry is about. */
  readonly target?: number | null
  /** What the kind stores in the clear, which SQL may read. */
  readonly detail?: string | null
}

/** Holds the same as in a frame. */
export interface ShownBody {
  readonly content: string | null
  readonly meta?: Record<string, unknown> | undefined
  readonly target?: number | undefined
  readonly detail?: Record<string, unknown> | undefined
}

/** Holds the limits of commands. */
export interface PrepareContext {
  /** Limits a message, in characters (Unicode code points). */
  readonly maxMessageLength: number
}

/** Describes the fields that every command has. */
export interface Command {
  readonly type?: string
  readonly room?: string | undefined
  readonly nonce?: string | undefined
  readonly ref?: string | undefined
}

/** Describes the HTTP route that appends an entry of the kind. Its body is the command without the fields in the path and headers. */
export interface HttpTwin {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Is below the room's path; `:name` is a field of the command. */
  readonly path: string
  readonly operationId: string
  readonly summary: string
  readonly description: string
  /** Holds a schema with a name of its own in the document; by default it is derived from the command. */
  readonly body?: TSchema
  /** Lists the codes of errors that only this kind has. */
  readonly errors?: readonly ErrorCode[]
}

type CommandSchema = TObject<TProperties & { type: TLiteral<string> }>

/** Defines one kind of entry. */
export interface KindDefinition<Schema extends CommandSchema> {
  /** Is stored in the column `kind`, and is the `type` of its frames. A kind with a dot belongs to a host application. */
  readonly kind: string
  /** Holds the action to authorize before an entry is appended. */
  readonly action: Action
  /** Describes what a client sends to append an entry; its `type` may differ from the kind. */
  readonly command: Schema
  /** Describes what subscribers receive. */
  readonly frame: TObject
  /** Summarizes the two frames in the AsyncAPI document. */
  readonly summary: { readonly command: string; readonly frame: string }
  /** Lists the columns that an entry of the kind uses, each a Fernet token. With `content`, an entry without it was erased. */
  readonly encrypted: readonly EncryptedColumn[]
  /** Lets `beforeMessage` edit or reject it: its command has `content` and `meta` as a message has. */
  readonly isEditable?: boolean
  readonly http?: HttpTwin
  /** Returns what to store. Throws a ChatError for an invalid command. Conflicts are decided in SQL, under the room's lock. */
  prepare(command: Omit<Static<Schema>, 'type'>, context: PrepareContext): Body
  /** Returns the fields of the frame that are specific to the kind. */
  show(body: ShownBody): object
}

/** Describes one kind of entry for the rest of the service. */
export interface Kind extends Omit<KindDefinition<CommandSchema>, 'prepare'> {
  /** Holds the `type` of its command. */
  readonly commandType: string
  prepare(command: Command, context: PrepareContext): Body
}

/** Defines a kind of entry. */
export const defineKind = <Schema extends CommandSchema>(definition: KindDefinition<Schema>): Kind => ({
  ...definition,
  commandType: definition.command.properties.type.const,
  // The frame decoder and the routes have checked the command against the schema.
  prepare: (command, context) => definition.prepare(command as Omit<Static<Schema>, 'type'>, context)
})
