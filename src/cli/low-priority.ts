/** Sets the CPU priority of long commands. */
import { constants, setPriority } from 'node:os'

/**
 * Lowers the priority of this process, so that a service on the same machine gets the CPU first. Does nothing if the system does
 * not allow the change.
 */
export const lowerPriority = (): void => {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // Ignores the error, because the command also works with the normal priority.
  }
}
