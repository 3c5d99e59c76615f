/** Levels of priority: 1 goes first, 3 last. */
export const PRIORITY_LEVELS = 3
export const DEFAULT_PRIORITY = 2
/** Rows that nobody waits for: run while no others wait, and taking nobody the room in the queue. No client may ask for it. */
export const BACKGROUND_PRIORITY = PRIORITY_LEVELS + 1

/** When an ask is run, and how long anybody waits for it. */
export interface Schedule {
  /** Aborts when nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined
  /** Counted from now; none when undefined. */
  readonly deadlineMs?: number | undefined
  /** A level from 1 to 3, 2 when undefined: the queue of a model holds none of a lower number when one is run. */
  readonly priority?: number | undefined
}
