/** What a kind of entry consists of. Everything particular to one kind is in its own file; see message.ts. */
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

/** The same, as a frame shows it. */
export interface ShownBody {
  readonly content: string | null
  readonly meta?: Record<string, unknown> | undefined
  readonly target?: number | undefined
  readonly detail?: Record<string, unknown> | undefined
}

/** What a command is checked against. */
export interface PrepareContext {
  /** In characters (Unicode code points). */
  readonly maxMessageLength: number
}

/** The fields that each command has, whatever its kind. */
export interface Command {
  readonly type?: string
  readonly room?: string | undefined
  readonly nonce?: string | undefined
  readonly ref?: string | undefined
}

/** The HTTP route that appends an entry of the kind. Its body is the command, without what the path and headers carry. */
export interface HttpTwin {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Below the room's path; `:name` is a field of the command. */
  readonly path: string
  readonly operationId: string
  readonly summary: string
  readonly description: string
  /** A schema that has a name of its own in the document; by default it is derived from the command. */
  readonly body?: TSchema
  /** The codes of errors that only this kind has. */
  readonly errors?: readonly ErrorCode[]
}

type CommandSchema = TObject<TProperties & { type: TLiteral<string> }>

/** One kind of entry, as its file defines it. */
export interface KindDefinition<Schema extends CommandSchema> {
  /** What is stored in the column `kind`, and the `type` of its frames. One with a dot is a host application's. */
  readonly kind: string
  /** What `authorize` is asked before an entry is appended. */
  readonly action: Action
  /** What a client sends to append an entry; its `type` may differ from the kind. */
  readonly command: Schema
  /** What subscribers receive. */
  readonly frame: TObject
  /** What the two frames are for, in the AsyncAPI document. */
  readonly summary: { readonly command: string; readonly frame: string }
  /** The columns that an entry of the kind uses, each a Fernet token. With `content`, an entry without it was erased. */
  readonly encrypted: readonly EncryptedColumn[]
  /** Whether `beforeMessage` may edit or refuse it: its command has `content` and `meta` as a message has. */
  readonly isEditable?: boolean
  readonly http?: HttpTwin
  /** Returns what to store. Throws a ChatError when the command is not valid. What races is decided in SQL, under the room's lock. */
  prepare(command: Omit<Static<Schema>, 'type'>, context: PrepareContext): Body
  /** Returns the fields that the frame has beside its place. */
  show(body: ShownBody): object
}

/** One kind of entry, as the rest of the service uses it. */
export interface Kind extends Omit<KindDefinition<CommandSchema>, 'prepare'> {
  /** The `type` of its command. */
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
