/** Delayed calls, handed in so that a test can fire them by hand. */
export interface Timers {
  /** Calls `run` once after `ms` milliseconds; the function returned takes it back. */
  after(ms: number, run: () => void): () => void
}

export const systemTimers: Timers = {
  after(ms, run) {
    const timer = setTimeout(run, ms)
    return () => clearTimeout(timer)
  },
}
