/**
 * Loaded into a service under test before itself (`--import`), and nowhere else: SIGUSR2 arms a fault point, and the
 * process kills itself the next time that it is passed. So the service's own code knows nothing of faults.
 */
import { Connection } from '../../src/chat/connections/connection.ts'
import { Room } from '../../src/chat/rooms/room.ts'

let armed = 0
process.on('SIGUSR2', () => armed++)

const die = (): never => {
  process.kill(process.pid, 'SIGKILL')
  // The signal is on its way; nothing more may happen.
  for (;;);
}

const { send } = Connection.prototype
Connection.prototype.send = function (frame) {
  // Committed, and not acknowledged.
  if (armed % 2 === 1 && frame.type === 'ack') die()
  return send.call(this, frame)
}

const { committed } = Room.prototype
Room.prototype.committed = function (entry) {
  // Acknowledged, and not delivered to anybody.
  if (armed > 0 && armed % 2 === 0) die()
  return committed.call(this, entry)
}
