/** Performs the requests of one client in order. */

/** Describes a task for a client; it throws or rejects with the error for the client. */
export interface Task<Marks> {
  readonly work: () => void | Promise<void>
  /** Identifies the frame in an error to the client. */
  readonly marks: Marks
}

export interface TaskQueue<Marks> {
  /** Counts the tasks that wait for an earlier one. */
  readonly length: number
  /** Performs a task, synchronously unless an earlier one is still in progress. */
  perform(task: Task<Marks>): void
}

export interface TaskQueueOptions<Marks> {
  /** Called when a task failed, for any reason. */
  readonly onRefused: (error: unknown, marks: Marks) => void
  /** Called when a task has to wait for an earlier one. */
  readonly onWaiting: () => void
  /** Called when no task waits any more. */
  readonly onIdle: () => void
}

export const createTaskQueue = <Marks>({ onRefused, onWaiting, onIdle }: TaskQueueOptions<Marks>): TaskQueue<Marks> => {
  const behind: Task<Marks>[] = []
  let isBusy = false

  const attempt = ({ work, marks }: Task<Marks>): Promise<void> | undefined => {
    try {
      return work()?.catch(error => onRefused(error, marks))
    } catch (error) {
      onRefused(error, marks)
    }
  }

  const performBehind = async (first: Promise<void>): Promise<void> => {
    isBusy = true
    await first
    for (let task = behind.shift(); task; task = behind.shift()) await attempt(task)
    isBusy = false
    onIdle()
  }

  return {
    get length() {
      return behind.length
    },
    perform(task) {
      if (isBusy) {
        behind.push(task)
        return onWaiting()
      }
      const waiting = attempt(task)
      if (waiting) void performBehind(waiting)
    }
  }
}
