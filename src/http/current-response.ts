/** Reads the response that belongs to a socket of Node's HTTP server. Node has no public API for this. */
import type { ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'

/** Returns the response that the server sends next on a socket, or is sending. Without an open request, returns undefined. */
export const currentResponse = (socket: Duplex): ServerResponse | undefined =>
  Reflect.get(socket, '_httpMessage') ?? undefined
