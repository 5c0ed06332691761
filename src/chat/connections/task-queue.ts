/** Performs the tasks of one connection in order: a task starts when the previous one has finished. */

/** A task of a connection, such as the handling of one frame. */
export interface Task<Marks> {
  /** Performs the task. Throws, or rejects, with the error to report to the client. */
  readonly work: () => void | Promise<void>
  /** The fields that identify the frame. An error that is sent to the client repeats them. */
  readonly marks: Marks
}

export interface TaskQueue<Marks> {
  /** The number of tasks that wait for an earlier one. */
  readonly length: number
  /** Performs a task, synchronously unless an earlier one is still in progress. */
  perform(task: Task<Marks>): void
}

export interface TaskQueueOptions<Marks> {
  /** Called when a task has thrown or rejected, with any error. */
  readonly onRefused: (error: unknown, marks: Marks) => void
  /** Called when a task has to wait for an earlier one. */
  readonly onWaiting: () => void
  /** Called when an asynchronous task, and all tasks that waited for it, have finished. */
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
