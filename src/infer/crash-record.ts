/** How far back crashes count. */
export const CRASH_WINDOW_MS = 60_000

/** The crashes of one worker or one model within the last minute; times are monotonic milliseconds. */
export interface CrashRecord {
  /** Adds a crash and answers how many fall into the window, this one included. */
  note(atMs: number): number
}

export function createCrashRecord(): CrashRecord {
  let times: readonly number[] = []
  return {
    note(atMs) {
      times = [...times.filter((time) => atMs - time < CRASH_WINDOW_MS), atMs]
      return times.length
    },
  }
}
