/** Frames on the wire: what a client sent, checked in words. */
import { brokenBound, outlineOf } from '../../lib/json-bounds.ts'
import { isVisible } from '../../lib/text.ts'
import { ChatError } from '../../protocol/errors.ts'
import { type ClientFrame, clientFrames } from '../../protocol/frames.ts'
import { MAX_META_BYTES } from '../../protocol/http/messages.ts'
import { characters, compile, sentencesOf, violations } from '../../protocol/validation.ts'

/** A frame may be 12 bytes for each character of a message (a client may escape every one), and 8 KiB more. */
export const maxFrameBytes = (maxMessageLength: number): number => 12 * maxMessageLength + 8192

/** What a refused frame still told of itself, so that its error can be matched to it. */
export interface FrameMarks {
  readonly ref?: string
  readonly nonce?: string
  readonly room?: string
}

/** A decoded frame; `ignored` is one whose type has a dot, which belongs to the host application. */
export type Decoded =
  | { readonly kind: 'frame'; readonly frame: ClientFrame }
  | { readonly kind: 'ignored' }
  | { readonly kind: 'refused'; readonly error: ChatError; readonly marks: FrameMarks }

const validators = new Map(Object.entries(clientFrames).map(([type, schema]) => [type, compile(schema)]))

const TYPES = [...validators.keys()].map(type => `"${type}"`).join(', ')

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const refused = (
  detail: string,
  frame: Record<string, unknown> = {},
  code: 'invalid_frame' | 'unknown_frame' = 'invalid_frame'
): Decoded => ({ kind: 'refused', error: new ChatError(code, detail), marks: marksOf(frame) })

/** The marks of anything that may be a frame; only those that have the right form are echoed. */
export const marksOf = (frame: Record<string, unknown>): FrameMarks => {
  const mark = (name: 'ref' | 'nonce' | 'room') => {
    const value = frame[name]
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

/** Refuses a frame that costs too much to parse. Its marks are read from its own members only. */
const refusedByBound = (text: string, rule: string): Decoded => {
  const outline = parse(outlineOf(text) ?? '')
  return refused(
    `The frame ${rule}. Send less in its meta, or send it as one string.`,
    isObject(outline) ? outline : {}
  )
}

/** Decodes one text frame of a client. Never throws: whatever comes is a frame, ignored or refused with a reason. */
export const decodeFrame = (text: string): Decoded => {
  const rule = brokenBound(text)
  if (rule) return refusedByBound(text, rule)
  const frame = parse(text)
  if (!isObject(frame)) return refused('A frame must be a JSON object, such as {"type":"message","content":"Hello"}.')
  if (typeof frame.type !== 'string') return refused('A frame must have a "type", such as "message".', frame)
  const { type } = frame
  const validate = validators.get(type)
  if (!validate && type.includes('.')) return { kind: 'ignored' }
  if (!validate) return refused(`There is no frame of this type. The types are ${TYPES}.`, frame, 'unknown_frame')
  if (validate(frame)) return { kind: 'frame', frame: frame as ClientFrame }
  return refused(`The ${type} frame is not valid. ${sentencesOf(violations(validate.errors ?? []))}`, frame)
}

/**
 * The `meta` of a message as the JSON text that is sealed. Throws `invalid_frame` when it is over 2 KiB, or nested
 * deeper than JSON can be written, as that of a host application may be.
 */
export const metaText = (meta: Record<string, unknown> | undefined): string | null => {
  if (meta === undefined) return null
  try {
    const text = JSON.stringify(meta)
    if (Buffer.byteLength(text) <= MAX_META_BYTES) return text
  } catch {
    // A RangeError: so deeply nested that the stack ran out. It is over the size in any case.
  }
  throw new ChatError('invalid_frame', `The meta of a message may be at most ${MAX_META_BYTES} bytes of JSON.`)
}

/**
 * The text of a message as it is stored and shown. Throws `message_too_long` over `max` characters (code points), and
 * `invalid_frame` when there is nothing to see. A lone surrogate becomes U+FFFD, as it would in UTF-8, so that the live
 * frame and the history say the same.
 */
export const messageText = (content: string, max: number): string => {
  const text = content.toWellFormed()
  const length = characters(text)
  if (length > max) {
    throw new ChatError('message_too_long', `The message has ${length} characters; the most is ${max}.`)
  }
  if (!isVisible(text))
    throw new ChatError('invalid_frame', 'The message is empty. Send at least one visible character.')
  return text
}
