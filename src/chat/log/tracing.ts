/**
 * Writes log lines of the level `debug` that show which request sent an entry, in every process. The id of the request is sent
 * to other processes in a separate event. An announcement cannot contain the id, because only the last of several entries of a
 * room is announced.
 */
import type { Bus } from '../../bus/bus.ts'
import type { BusEventHandlers } from '../../bus/events.ts'
import type { Log } from '../../lib/logging.ts'
import type { PublishResult } from './append-draft.ts'

export interface TracingOptions {
  readonly bus: Pick<Bus, 'publish'>
  /** The logger must not merge similar lines, because each line has another request id. */
  readonly log: Pick<Log, 'debug'>
  /** Returns whether lines of the level `debug` are written. */
  readonly isOn: () => boolean
}

export interface Tracing {
  readonly isOn: () => boolean
  /**
   * Returns a function that calls `posted`. If there is no error, the function also writes a line and notifies the other
   * processes.
   */
  of(roomId: number, request: string, posted: (outcome: PublishResult) => void): (outcome: PublishResult) => void
  readonly events: Pick<BusEventHandlers, 'appended'>
}

export const createTracing = ({ bus, log, isOn }: TracingOptions): Tracing => ({
  isOn,
  of: (roomId, request, posted) => outcome => {
    posted(outcome)
    if ('error' in outcome) return
    const { seq } = outcome.position
    log.debug({ reqId: request, room_id: roomId, seq }, 'appended an entry')
    bus.publish({ kind: 'appended', room: roomId, seq, request })
  },
  events: {
    appended: ({ room, seq, request }, from) =>
      log.debug({ reqId: request, room_id: room, seq, process: from }, 'another process appended an entry')
  }
})
