/** Lets other processes of the machine go first. */
import { constants, setPriority } from 'node:os'

/**
 * Lowers the priority of this process, so that a service on the same machine gets the CPU first. Does nothing where the system does not
 * allow it.
 */
export const lowerPriority = (): void => {
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // The command works without it, too.
  }
}
