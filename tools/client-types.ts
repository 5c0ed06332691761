/** Generates client/src/protocol.ts, the types of frames and HTTP bodies that the SDK uses, from the service's schemas. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createKinds } from '../src/chat/kinds/index.ts'
import { ERRORS } from '../src/protocol/errors.ts'
import { Limits } from '../src/protocol/frames/connection.ts'
import type { DocumentedFrames } from '../src/protocol/frames.ts'
import { BlockList } from '../src/protocol/http/blocks.ts'
import { InboxPage } from '../src/protocol/http/inbox.ts'
import { InvitationPreview, RoomInvitation, RoomInvitationList } from '../src/protocol/http/invitations.ts'
import { Member, MemberList, UserList } from '../src/protocol/http/members.ts'
import { Entry, EntryList, RawLog, SingleMessage } from '../src/protocol/http/messages.ts'
import { ReactionList } from '../src/protocol/http/reactions.ts'
import { ReadState } from '../src/protocol/http/reads.ts'
import { Report, ReportList } from '../src/protocol/http/reports.ts'
import { Restriction, RestrictionList } from '../src/protocol/http/restrictions.ts'
import { Presence, Room, RoomList } from '../src/protocol/http/rooms.ts'
import { AccessToken, User } from '../src/protocol/http/users.ts'

/** The path of the generated file. A test compares the file with the result of `clientTypes`. */
export const CLIENT_TYPES = join(import.meta.dirname, '../client/src/protocol.ts')

/** The part of JSON Schema that the service's schemas use. */
interface Schema {
  readonly $id?: string
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly const?: string | number | boolean
  readonly enum?: readonly string[]
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly patternProperties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
  readonly description?: string
}

const { frames } = createKinds()
const bodies: readonly Schema[] = [
  User,
  AccessToken,
  Room,
  RoomList,
  Presence,
  Entry,
  EntryList,
  RawLog,
  SingleMessage,
  ReactionList,
  ReadState,
  InboxPage,
  Member,
  MemberList,
  UserList,
  RoomInvitation,
  RoomInvitationList,
  InvitationPreview,
  BlockList,
  Restriction,
  RestrictionList,
  Report,
  ReportList
]

const nameOf = (id: string): string => id.replace(/^Chat/, '')

const literalOf = (value: unknown): string => (typeof value === 'string' ? `'${value}'` : String(value))

const SIMPLE: Readonly<Record<string, string>> = {
  string: 'string',
  integer: 'number',
  number: 'number',
  boolean: 'boolean',
  null: 'null'
}

const unsupported = (schema: Schema): never => {
  throw new Error(`No TypeScript type for the schema ${JSON.stringify(schema)}. Add it to tools/client-types.ts.`)
}

/** Returns the TypeScript type of a schema. Throws if the schema has none. */
const typeOf = (schema: Schema, indent: string): string => {
  const { $ref, anyOf, items, properties, patternProperties, type = '' } = schema
  if ($ref !== undefined) return nameOf($ref)
  if (schema.const !== undefined) return literalOf(schema.const)
  if (schema.enum) return schema.enum.map(literalOf).join(' | ')
  if (anyOf) return anyOf.map(one => typeOf(one, indent)).join(' | ')
  if (type === 'array' && items) {
    const item = typeOf(items, indent)
    return items.anyOf ? `(${item})[]` : `${item}[]`
  }
  if (properties) return objectOf(schema, indent)
  if (type === 'object') {
    const [values] = Object.values(patternProperties ?? {})
    // A schema without fields allows any value.
    const isAny = Object.keys(values ?? {}).length === 0
    return `Record<string, ${values && !isAny ? typeOf(values, indent) : 'unknown'}>`
  }
  return [type]
    .flat()
    .map(name => SIMPLE[name] ?? unsupported(schema))
    .join(' | ')
}

const objectOf = ({ properties = {}, required = [] }: Schema, indent: string): string => {
  const inner = `${indent}  `
  const lines = Object.entries(properties).map(([name, schema]) => {
    const comment = schema.description ? `${inner}/** ${schema.description} */\n` : ''
    return `${comment}${inner}${name}${required.includes(name) ? '' : '?'}: ${typeOf(schema, inner)}`
  })
  return `{\n${lines.join('\n')}\n${indent}}`
}

const declarationOf = (name: string, schema: Schema): string => `export type ${name} = ${objectOf(schema, '')}`

/** Returns a union on one line if it fits, as Biome formats it. */
const unionOf = (name: string, members: readonly string[]): string => {
  const line = `export type ${name} = ${members.join(' | ')}`
  return line.length <= 120 ? line : `export type ${name} =\n${members.map(member => `  | ${member}`).join('\n')}`
}

const framesOf = (union: string, frames: DocumentedFrames): string[] => {
  const named = Object.values(frames).map(({ schema }) => ({ name: nameOf(schema.$id ?? ''), frame: schema }))
  return [
    ...named.map(({ name, frame }) => declarationOf(name, frame)),
    unionOf(
      union,
      named.map(({ name }) => name)
    )
  ]
}

/** Returns the text of client/src/protocol.ts. */
export const clientTypes = (): string =>
  `${[
    '/** The types of frames and HTTP bodies. Generated from src/protocol and src/chat/kinds by `npm run client:types`. Do not edit. */',
    unionOf('ErrorCode', Object.keys(ERRORS).map(literalOf)),
    ...bodies.map(body => declarationOf(nameOf(body.$id ?? ''), body)),
    declarationOf('Limits', Limits),
    ...framesOf('ClientFrame', frames.client),
    ...framesOf('ServerFrame', frames.service)
  ].join('\n\n')}\n`

if (process.argv[1] === import.meta.filename) writeFileSync(CLIENT_TYPES, clientTypes())
