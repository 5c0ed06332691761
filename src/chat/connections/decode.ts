/** Decodes and validates the frames of clients. */
import { brokenBound, outlineOf } from '../../lib/json-bounds.ts'
import { ChatError } from '../../protocol/errors.ts'
import type { ClientFrame } from '../../protocol/frames.ts'
import { characters, compile, sentencesOf, violations } from '../../protocol/validation.ts'
import type { Kinds } from '../kinds/index.ts'
import type { Command, Kind } from '../kinds/kind.ts'

/**
 * Returns the maximum size of a frame, in bytes. A message takes up to 12 bytes per character, because a client may escape a
 * character as two `\uXXXX` sequences. The rest of the frame may take 8 KiB.
 */
export const maxFrameBytes = (maxMessageLength: number): number => 12 * maxMessageLength + 8192

/**
 * The fields that identify a frame. An `error` frame repeats these fields, so that the client can match the error to its frame.
 */
export interface FrameMarks {
  readonly ref?: string
  readonly nonce?: string
  readonly room?: string
}

/** A valid frame. `kind` is `command` if the frame appends an entry to a log. Otherwise, `kind` is `frame`. */
export type Accepted =
  | { readonly kind: 'command'; readonly of: Kind; readonly frame: Command }
  | { readonly kind: 'frame'; readonly frame: ClientFrame }

/**
 * A decoded frame. A frame is `ignored` if its type is unknown and contains a dot, because such types belong to the host
 * application.
 */
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

/**
 * Returns the fields that identify a frame (see `FrameMarks`). The object need not be a valid frame. Omits fields that are too long
 * or not strings.
 */
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

/** Rejects a frame that would cost too much to parse. Finds its identifying fields without parsing nested values. */
const refusedByBound = (text: string, rule: string): Decoded => {
  const outline = parse(outlineOf(text) ?? '')
  return refused(
    `The frame ${rule}. Send less data in "meta", or send the data as one string.`,
    isObject(outline) ? outline : {}
  )
}

/**
 * Creates the function that decodes one text frame of a client. The function never throws. If the frame is not valid, the
 * result is `refused`.
 */
export const createFrameDecoder = (kinds: Kinds): ((text: string) => Decoded) => {
  const validators = new Map(Object.entries(kinds.frames.client).map(([type, { schema }]) => [type, compile(schema)]))
  const types = [...validators.keys()].map(type => `"${type}"`).join(', ')

  return text => {
    const rule = brokenBound(text)
    if (rule) return refusedByBound(text, rule)
    const frame = parse(text)
    if (!isObject(frame))
      return refused('The frame is not a JSON object. Send, for example, {"type":"message","content":"Hello"}.')
    if (typeof frame.type !== 'string')
      return refused('The frame has no valid "type". Set it, for example, to "message".', frame)
    const { type } = frame
    const validate = validators.get(type)
    if (!validate && type.includes('.')) return { kind: 'ignored' }
    if (!validate)
      return refused(`The type of the frame is unknown. Use one of the types ${types}.`, frame, 'unknown_frame')
    if (!validate(frame))
      return refused(`The ${type} frame is not valid. ${sentencesOf(violations(validate.errors ?? []))}`, frame)
    const of = kinds.ofCommand(type)
    return of ? { kind: 'command', of, frame: frame as Command } : { kind: 'frame', frame: frame as ClientFrame }
  }
}
