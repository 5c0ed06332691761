/** Performs the tasks of one connection in order. A task starts when the previous task has finished. */

/** A task of a connection, such as the handling of one frame. */
export interface Task<Marks> {
  /** Performs the task. Throws, or rejects, with the error to report to the client. */
  work(): void | Promise<void>
  /**
   * The fields that identify the frame. The `error` frame for a failed task repeats these fields. The queue reads this property
   * only if the task fails.
   */
  readonly marks: Marks
}

/** The functions of a connection that its task queue calls. */
export interface TaskOwner<Marks> {
  /** Called with the error of each task that throws or rejects. */
  onRefused(error: unknown, marks: Marks): void
  /** Called when a task has to wait for an earlier task. */
  onWaiting(): void
  /** Called when an asynchronous task, and all tasks that waited for it, have finished. */
  onIdle(): void
}

export class TaskQueue<Marks> {
  readonly #owner: TaskOwner<Marks>
  readonly #behind: Task<Marks>[] = []
  #isBusy = false

  constructor(owner: TaskOwner<Marks>) {
    this.#owner = owner
  }

  /** The number of tasks that wait for an earlier task. */
  get length(): number {
    return this.#behind.length
  }

  /** Starts a task synchronously. If an earlier task is still in progress, queues the task instead. */
  perform(task: Task<Marks>): void {
    if (this.#isBusy) {
      this.#behind.push(task)
      return this.#owner.onWaiting()
    }
    const waiting = this.#attempt(task)
    if (waiting) void this.#performBehind(waiting)
  }

  #attempt(task: Task<Marks>): Promise<void> | undefined {
    try {
      return task.work()?.catch(error => this.#owner.onRefused(error, task.marks))
    } catch (error) {
      this.#owner.onRefused(error, task.marks)
    }
  }

  async #performBehind(first: Promise<void>): Promise<void> {
    this.#isBusy = true
    await first
    for (let task = this.#behind.shift(); task; task = this.#behind.shift()) await this.#attempt(task)
    this.#isBusy = false
    this.#owner.onIdle()
  }
}
