/**
 * Returns a function that starts `work` unless a run is in progress. Calls during a run start one further run after it, because
 * the result of the run may be out of date. Ignores errors.
 */
export const oneAtATime = (work: () => Promise<unknown>): (() => void) => {
  let isRunning = false
  let isWanted = false
  const run = async (): Promise<void> => {
    isRunning = true
    do {
      isWanted = false
      await work().catch(() => {})
    } while (isWanted)
    isRunning = false
  }
  return () => {
    if (isRunning) isWanted = true
    else void run()
  }
}
