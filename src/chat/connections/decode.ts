/** Decodes and validates the frames of clients. */
import { brokenBound, outlineOf } from '../../lib/json-bounds.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { ClientFrame } from '../../protocol/frames.ts'
import { characters, compile, sentencesOf, violations } from '../../protocol/validation.ts'
import type { Kinds } from '../kinds/index.ts'
import type { Command, Kind } from '../kinds/kind.ts'

/** Limits a frame: 12 bytes for each character of a message (a client may escape all of them), and 8 KiB more. */
export const maxFrameBytes = (maxMessageLength: number): number => 12 * maxMessageLength + 8192

/** Identifies a rejected frame, so that a client can match the error to it. */
export interface FrameMarks {
  readonly ref?: string
  readonly nonce?: string
  readonly room?: string
}

/** Describes a frame to handle: one that appends an entry, or another. */
export type Accepted =
  | { readonly kind: 'command'; readonly of: Kind; readonly frame: Command }
  | { readonly kind: 'frame'; readonly frame: ClientFrame }

/** Describes a decoded frame; `ignored` has a type with a dot, which belongs to the host application. */
export type Decoded =
  | Accepted
  | { readonly kind: 'ignored' }
  | { readonly kind: 'refused'; readonly error: ChatError; readonly marks: FrameMarks }

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const refused = (
  detail: string,
  frame: Record<string, unknown> = {},
  code: 'invalid_frame' | 'unknown_frame' = 'invalid_frame'
): Decoded => ({ kind: 'refused', error: new ChatError(code, detail), marks: marksOf(frame) })

/** Returns the marks of a value that may be a frame; only valid ones are echoed. */
export const marksOf = (frame: object): FrameMarks => {
  const mark = (name: 'ref' | 'nonce' | 'room') => {
    const value: unknown = Reflect.get(frame, name)
    return typeof value === 'string' && value.length <= 128 && characters(value) <= 64 ? { [name]: value } : {}
  }
  return { ...mark('ref'), ...mark('nonce'), ...mark('room') }
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Rejects a frame that costs too much to parse. Its marks are read from its own members only. */
const refusedByBound = (text: string, rule: string): Decoded => {
  const outline = parse(outlineOf(text) ?? '')
  return refused(
    `The frame ${rule}. Send less in its meta, or send it as one string.`,
    isObject(outline) ? outline : {}
  )
}

/**
 * Creates the function that decodes one text frame of a client. It never throws: every text is a command, another frame, ignored, or
 * rejected with a reason.
 */
export const createFrameDecoder = (kinds: Kinds): ((text: string) => Decoded) => {
  const validators = new Map(Object.entries(kinds.frames.client).map(([type, { schema }]) => [type, compile(schema)]))
  const types = [...validators.keys()].map(type => `"${type}"`).join(', ')

  return text => {
    const rule = brokenBound(text)
    if (rule) return refusedByBound(text, rule)
    const frame = parse(text)
    if (!isObject(frame)) return refused('A frame must be a JSON object, such as {"type":"message","content":"Hello"}.')
    if (typeof frame.type !== 'string') return refused('A frame must have a "type", such as "message".', frame)
    const { type } = frame
    const validate = validators.get(type)
    if (!validate && type.includes('.')) return { kind: 'ignored' }
    if (!validate) return refused(`There is no frame of this type. The types are ${types}.`, frame, 'unknown_frame')
    if (!validate(frame))
      return refused(`The ${type} frame is not valid. ${sentencesOf(violations(validate.errors ?? []))}`, frame)
    const of = kinds.ofCommand(type)
    return of ? { kind: 'command', of, frame: frame as Command } : { kind: 'frame', frame: frame as ClientFrame }
  }
}
