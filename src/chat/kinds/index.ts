/**
 * Registers the kinds of log entries. The client frames, server frames and HTTP routes of entries are derived from these kinds.
 * To add a kind, add its file to this folder, and add the kind to `BUILT_IN`.
 */
import { connectionFrames, type DocumentedFrames, serviceFrames } from '../../protocol/frames.ts'
import { deletion } from './deletion.ts'
import { edit } from './edit.ts'
import { erasure } from './erasure.ts'
import type { Kind } from './kind.ts'
import { membership } from './membership.ts'
import { message } from './message.ts'
import { pin } from './pin.ts'
import { reaction } from './reaction.ts'
import { roomChange } from './room.ts'

export const BUILT_IN: readonly Kind[] = [message, edit, deletion, reaction, pin, membership, roomChange, erasure]

/** The registry of the kinds that a process supports. */
export interface Kinds {
  readonly all: readonly Kind[]
  /** Returns the kind with this name, or `undefined` if this release doesn't support the kind. */
  of(kind: string): Kind | undefined
  /**
   * Returns the kind of the entry that a client's frame of this `type` appends, or `undefined` if such a frame appends no entry.
   */
  ofCommand(type: string): Kind | undefined
  /**
   * All frames, keyed by `type`. `client` has the frames that clients send, and `service` has the frames that the service sends.
   */
  readonly frames: { readonly client: DocumentedFrames; readonly service: DocumentedFrames }
}

/**
 * Creates a registry. Throws a TypeError if two kinds have the same name, or if two kinds with a client frame have the same
 * command type. Also throws if the name of a kind is the `type` of another service frame, or if the command type of a kind is
 * the `type` of another client frame.
 */
export const createKinds = (all: readonly Kind[] = BUILT_IN): Kinds => {
  const sent = all.filter(({ isServiceOnly, isOfHost }) => !isServiceOnly && !isOfHost)
  const byKind = new Map(all.map(kind => [kind.kind, kind]))
  const byCommand = new Map(sent.map(kind => [kind.commandType, kind]))
  const commands = sent.map(({ commandType, command, summary }) => [
    commandType,
    { schema: command, summary: summary.command }
  ])
  const entries = all.map(({ kind, frame, summary }) => [kind, { schema: frame, summary: summary.frame }])
  const isTaken = all.some(({ kind, commandType }) => kind in serviceFrames || commandType in connectionFrames)
  if (isTaken || byKind.size < all.length || byCommand.size < sent.length)
    throw new TypeError(
      'The name or command type of a kind is already used by another kind or frame. Rename one of them.'
    )
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
