/** What one client asked for, done in the order in which it asked. */

/** Something to do for a client; it throws or rejects with what it is refused with. */
export interface Task<Marks> {
  readonly work: () => void | Promise<void>
  /** What identifies the refused frame to the client. */
  readonly marks: Marks
}

export interface TaskQueue<Marks> {
  /** How many tasks wait for one before them. */
  readonly length: number
  /** Does a task, at once unless something before it is still waiting. */
  perform(task: Task<Marks>): void
}

export interface TaskQueueOptions<Marks> {
  /** A task failed, whatever the reason. */
  readonly onRefused: (error: unknown, marks: Marks) => void
  /** A task waits for one before it. */
  readonly onWaiting: () => void
  /** Nothing waits any more. */
  readonly onIdle: () => void
}

/** Creates a connection's queue. */
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
