/**
 * Preloaded into a service under test (`--import`): SIGUSR2 arms a fault point, and the process kills itself the next time
 * that it reaches it. The service's own code contains no fault points.
 */
import { Connection } from '../../src/chat/connections/connection.ts'
import { Room } from '../../src/chat/rooms/room.ts'

let armed = 0
process.on('SIGUSR2', () => armed++)

const killSelf = (): never => {
  process.kill(process.pid, 'SIGKILL')
  // Nothing more may run until the signal arrives.
  for (;;);
}

const { send } = Connection.prototype
Connection.prototype.send = function (frame) {
  // The message is committed and not acknowledged.
  if (armed % 2 === 1 && frame.type === 'ack') killSelf()
  return send.call(this, frame)
}

const { committed } = Room.prototype
Room.prototype.committed = function (entry) {
  // The message is acknowledged and not delivered to anybody.
  if (armed > 0 && armed % 2 === 0) killSelf()
  return committed.call(this, entry)
}
