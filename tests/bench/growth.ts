/** Measures how costs grow with the number of sockets, rooms and stored messages. */
import { growthOfMessages } from './growth-messages.ts'
import { growthOfRooms } from './growth-rooms.ts'
import { growthOfSockets } from './growth-sockets.ts'
import type { Effort, Row } from './rows.ts'

export const growth = async (effort: Effort): Promise<Row[]> => [
  await growthOfSockets(effort),
  ...(await growthOfRooms(effort)),
  ...(await growthOfMessages())
]
