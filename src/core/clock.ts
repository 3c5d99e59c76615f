/** Wall time for what is recorded, monotonic time for time-outs. Both are handed in, never reached for. */
export interface Clock {
  /** The present, UTC. */
  now(): Date
  /** Milliseconds that never run backwards; only differences mean anything. */
  monotonicMs(): number
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
}

export interface FakeClock extends Clock {
  advance(ms: number): void
}

/** A clock that stands still until told to move; for tests. */
export function fakeClock(start = '2001-01-01T00:00:00.000Z'): FakeClock {
  let elapsedMs = 0
  const startMs = Date.parse(start)
  return {
    now: () => new Date(startMs + elapsedMs),
    monotonicMs: () => elapsedMs,
    advance: (ms) => {
      elapsedMs += ms
    },
  }
}
