/**
 * Registers the kinds of entries. Frames and routes are derived from them. To add a kind, add a file here and an item to
 * `BUILT_IN`.
 */
import { connectionFrames, type DocumentedFrames, serviceFrames } from '../../protocol/frames.ts'
import type { Kind } from './kind.ts'
import { message } from './message.ts'

/** The kinds of this release. */
export const BUILT_IN: readonly Kind[] = [message]

/** A registry of kinds. */
export interface Kinds {
  readonly all: readonly Kind[]
  /** Returns the kind of a stored entry, or `undefined` if this release doesn't support it. */
  of(kind: string): Kind | undefined
  /** Returns the kind of the entry that a frame of this `type` appends. */
  ofCommand(type: string): Kind | undefined
  /** The frames that clients send and that the service sends, by `type`. */
  readonly frames: { readonly client: DocumentedFrames; readonly service: DocumentedFrames }
}

/** Creates a registry. Throws a TypeError if two kinds, or a kind and another frame, have the same name. */
export const createKinds = (all: readonly Kind[] = BUILT_IN): Kinds => {
  const byKind = new Map(all.map(kind => [kind.kind, kind]))
  const byCommand = new Map(all.map(kind => [kind.commandType, kind]))
  const commands = all.map(({ commandType, command, summary }) => [
    commandType,
    { schema: command, summary: summary.command }
  ])
  const entries = all.map(({ kind, frame, summary }) => [kind, { schema: frame, summary: summary.frame }])
  const isTaken = all.some(({ kind, commandType }) => kind in serviceFrames || commandType in connectionFrames)
  if (isTaken || byKind.size < all.length || byCommand.size < all.length)
    throw new TypeError('Two kinds of entries, or a kind and another frame, have the same name.')
  return {
    all,
    of: kind => byKind.get(kind),
    ofCommand: type => byCommand.get(type),
    frames: {
      client: { ...Object.fromEntries(commands), ...connectionFrames },
      service: { ...Object.fromEntries(entries), ...serviceFrames }
    }
  }
}
