/**
 * Defines the parts of a kind of entry, for example its frames and its HTTP route. Everything that is specific to one kind is
 * in the file of that kind, for example message.ts.
 */
import type { Static, TLiteral, TObject, TProperties, TSchema } from '@sinclair/typebox'
import type { MessageState } from '../../db/database.ts'
import type { ErrorCode } from '../../protocol/errors.ts'
import type { Action, FinerAction } from '../access/authorize.ts'

/** The columns whose text is encrypted. */
export type EncryptedColumn = 'content' | 'meta'

/** The data that an entry stores, before it is encrypted. `meta` and `detail` are serialized as JSON. */
export interface Body extends Readonly<Record<EncryptedColumn, string | null>> {
  /** The `seq` of the message that the entry refers to. */
  readonly target?: number | null
  /** Data that is stored unencrypted, so that SQL can read it. */
  readonly detail?: string | null
}

/**
 * The content of an entry as it appears in a frame. `meta` and `detail` are parsed JSON. `content` is null if it cannot be shown,
 * or if the entry has no text.
 */
export interface ShownBody {
  readonly content: string | null
  readonly meta?: Record<string, unknown> | undefined
  readonly target?: number | undefined
  readonly detail?: Record<string, unknown> | undefined
  /** The changes of a message since it was sent. */
  readonly state?: MessageState | undefined
}

/** The limits that `prepare` checks a command against. */
export interface PrepareContext {
  /** Maximum length of a message, in characters (Unicode code points). */
  readonly maxMessageLength: number
  /** Time in milliseconds for which a message can be edited after it was sent. Undefined for no limit. */
  readonly editWindowMs?: number | undefined
}

/**
 * The fields that commands of all kinds may have. A command is the data from which `prepare` creates an entry. It comes from a
 * frame or a request of a client, from the service, or from the host application.
 */
export interface Command {
  readonly type?: string
  readonly room?: string | undefined
  readonly nonce?: string | undefined
  readonly ref?: string | undefined
}

/**
 * The HTTP route that appends an entry of a kind. The request body is the command without `type`, `ref`, the fields in the path
 * or in headers, and the fields in `fixed`.
 */
export interface HttpTwin {
  readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Fields of the command that have a fixed value on this route, for example `remove` on the route that removes a reaction. */
  readonly fixed?: Readonly<Record<string, unknown>>
  /** The path, relative to the path of the room. A parameter `:name` sets the field `name` of the command. */
  readonly path: string
  /** Maps the name of a path parameter to the name of the command field that it sets. Required only if the two names differ. */
  readonly parameters?: Readonly<Record<string, string>>
  readonly operationId: string
  readonly summary: string
  readonly description: string
  /**
   * The schema of the request body, if the OpenAPI document lists the schema by name. By default, the schema is derived from
   * the command.
   */
  readonly body?: TSchema
  /** The error codes that the route may return in addition to those that all entry routes may return. See routes/entries.ts. */
  readonly errors?: readonly ErrorCode[]
}

type CommandSchema = TObject<TProperties & { type: TLiteral<string> }>

export interface KindDefinition<Schema extends CommandSchema> {
  /**
   * The name of the kind. It is stored in the column `kind`, and is the `type` of the frame that subscribers receive. A name
   * with a dot belongs to a host application.
   */
  readonly kind: string
  /** The action that must be authorized before an entry is appended. */
  readonly action: Action
  /** The action that must be authorized too if the target is a message of another user. */
  readonly actionOnOthers?: FinerAction
  /** The schema of the frame that a client sends to append an entry. The `type` of this frame may differ from `kind`. */
  readonly command: Schema
  /** The schema of the frame that subscribers receive. */
  readonly frame: TObject
  /** Summaries of the two frames, for the AsyncAPI document. */
  readonly summary: { readonly command: string; readonly frame: string }
  /**
   * The columns in which entries of the kind store Fernet tokens. If `content` is one of these columns, an entry whose
   * `content` is null was erased.
   */
  readonly encrypted: readonly EncryptedColumn[]
  /**
   * True if `beforeMessage` may edit or reject entries of the kind. The command of such a kind must have the fields `content`
   * and `meta`, like a message.
   */
  readonly isEditable?: boolean
  /**
   * True if no frame of a client appends entries of the kind. Then the service appends them, for example for a request over
   * HTTP, and `command` describes what the service passes to `prepare`.
   */
  readonly isServiceOnly?: boolean
  /**
   * True if the kind belongs to the host application. Only the host application appends its entries, and no frame of a client
   * does.
   */
  readonly isOfHost?: boolean
  /**
   * The name of a step of the rolling upgrade. Entries of the kind are accepted only after this step has finished. The default
   * is `kinds`. Entries of the kind `message` need no step. See drizzle/0012_message_changes.sql.
   */
  readonly step?: string
  /**
   * Returns the `seq` of the entries that this entry changes, so that their pages are removed from the page cache. SQL applies
   * the changes themselves during the append. Values that are not numbers are ignored.
   */
  readonly changedBy?: (body: ShownBody) => readonly unknown[]
  readonly http?: HttpTwin | readonly HttpTwin[]
  /**
   * Returns the data to store for a command. Throws a ChatError if the command is not valid. Does not check for conflicts with
   * other entries, because SQL checks for them while the room is locked.
   */
  prepare(command: Omit<Static<Schema>, 'type'>, context: PrepareContext): Body
  /** Returns the fields of the frame that are specific to the kind. */
  show(body: ShownBody): object
  /** Returns the fields that an item of an HTTP list has in addition to the fields of the frame. */
  showItem?(body: ShownBody): object | undefined
  /**
   * Returns whether the unencrypted data of two entries with the same nonce and target counts as the same. By default, the data
   * must be equal.
   */
  isSameDetail?(one: ShownBody['detail'], other: ShownBody['detail']): boolean
}

/**
 * A kind of entry without the type parameter of `KindDefinition`, so that kinds with different command schemas can be stored
 * together.
 */
export interface Kind extends Omit<KindDefinition<CommandSchema>, 'prepare' | 'http'> {
  /** The `type` of the frame that a client sends to append an entry. */
  readonly commandType: string
  /** The HTTP routes that append an entry. */
  readonly http: readonly HttpTwin[]
  prepare(command: Command, context: PrepareContext): Body
}

/** Converts a definition to a `Kind`, which has no type parameter. */
export const defineKind = <Schema extends CommandSchema>(definition: KindDefinition<Schema>): Kind => ({
  ...definition,
  http: [definition.http ?? []].flat(),
  commandType: definition.command.properties.type.const,
  // The cast is safe. The frame decoder, the route or src/host.ts has validated the command, and access/authorize.ts has
  // checked the type of each field that `beforeMessage` may replace.
  prepare: (command, context) => definition.prepare(command as Omit<Static<Schema>, 'type'>, context)
})
