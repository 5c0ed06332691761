/**
 * Preloaded into a service under test (`--import`). SIGUSR2 arms a fault point. The next time that the process reaches the fault
 * point, it kills itself. The service's own code contains no fault points.
 */
import { Connection } from '../../src/chat/connections/connection.ts'
import { Room } from '../../src/chat/rooms/room.ts'

let armed = 0
process.on('SIGUSR2', () => armed++)

const killSelf = (): never => {
  process.kill(process.pid, 'SIGKILL')
  // Loops, so that no other code runs until the signal arrives.
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
