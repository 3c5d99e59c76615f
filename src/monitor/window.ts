import { GyreError } from '../core/errors.ts'

/** How event time is cut: windows of `everyMs`, one of them starting at `originMs` (both Unix milliseconds). */
export interface WindowPlan {
  readonly originMs: number
  readonly everyMs: number
}

/** Half open: an event at `startMs` is inside, one at `endMs` belongs to the next. */
export interface Window {
  readonly startMs: number
  readonly endMs: number
}

/** The window an event at `atMs` falls into, also before the origin. Throws INVALID_ARGUMENT on a width ≤ 0. */
export function windowOf(atMs: number, plan: WindowPlan): Window {
  if (!(plan.everyMs > 0))
    throw new GyreError('INVALID_ARGUMENT', `every: expected more than 0 ms, got ${plan.everyMs}`)
  const startMs = plan.originMs + Math.floor((atMs - plan.originMs) / plan.everyMs) * plan.everyMs
  return { startMs, endMs: startMs + plan.everyMs }
}

export interface Progress {
  /** End of the last window already judged; undefined before the first. */
  readonly doneMs: number | undefined
  /** Event time of the first event: no window before its own is judged. */
  readonly firstMs: number
  /** The latest event time seen. */
  readonly watermarkMs: number
  /** How long late events and labels are waited for. */
  readonly lagMs: number
}

/** The windows that closed since, oldest first: those that end at or before watermark − lag. */
export function* closedWindows(plan: WindowPlan, progress: Progress): Generator<Window> {
  const { doneMs, firstMs, watermarkMs, lagMs } = progress
  const closedMs = watermarkMs - lagMs
  let window = windowOf(doneMs ?? firstMs, plan)
  while (window.endMs <= closedMs) {
    yield window
    window = { startMs: window.endMs, endMs: window.endMs + plan.everyMs }
  }
}

/** `2001-02-01T00:00:00.000Z/2001-02-08T00:00:00.000Z`, an ISO 8601 interval. */
export function formatWindow({ startMs, endMs }: Window): string {
  return `${new Date(startMs).toISOString()}/${new Date(endMs).toISOString()}`
}
