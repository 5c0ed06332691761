/**
 * Kills the process at a chosen point. A service under test preloads this file with `--import`. After one SIGUSR2, the process
 * kills itself between the next commit and its ack. After two signals, it kills itself between the next ack and the delivery.
 * The service's own code contains no fault points.
 */
import { Connection } from '../../src/chat/connections/connection.ts'
import { Room } from '../../src/chat/rooms/room.ts'

let armed = 0
process.on('SIGUSR2', () => armed++)

const killSelf = (): never => {
  process.kill(process.pid, 'SIGKILL')
  // Blocks the event loop, so that no other code runs before the signal ends the process.
  for (;;);
}

const { send } = Connection.prototype
Connection.prototype.send = function (frame) {
  // Here the message is committed but not acknowledged.
  if (armed % 2 === 1 && frame.type === 'ack') killSelf()
  return send.call(this, frame)
}

const { committed } = Room.prototype
Room.prototype.committed = function (entry) {
  // Here the message is acknowledged but not delivered to anybody.
  if (armed > 0 && armed % 2 === 0) killSelf()
  return committed.call(this, entry)
}
