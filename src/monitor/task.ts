import type { MonitorSpec } from '@gyre/sdk/wire/monitor'
import { durationMs } from '../core/duration.ts'
import { closedWindows, windowOf, type Window } from './window.ts'

/** A window to judge: labels count that were known by `knownUntilMs`, which is also when it speaks. */
export interface Task {
  readonly spec: MonitorSpec
  readonly window: Window
  readonly knownUntilMs: number
  /** Before its end, or before its labels had the time they are given. */
  readonly partial: boolean
}

export interface Standing {
  /** End of the last window judged as a whole. */
  readonly doneMs: number | undefined
  /** Event time of the first prediction. */
  readonly firstMs: number
  readonly watermarkMs: number
}

/** The windows that have closed and were not judged yet, oldest first. */
export function closedTasks(spec: MonitorSpec, standing: Standing): Task[] {
  const plan = planOf(spec)
  const lagMs = durationMs(spec.lag, 'lag')
  const firstMs = Math.max(plan.originMs, standing.firstMs)
  const windows = closedWindows(plan, { ...standing, firstMs, lagMs })
  return Array.from(windows, (window) => ({
    spec,
    window,
    knownUntilMs: window.endMs + lagMs,
    partial: false,
  }))
}

/** The windows that have begun by the watermark and have not closed, as they stand then. */
export function openTasks(spec: MonitorSpec, standing: Standing): Task[] {
  const { watermarkMs } = standing
  const plan = planOf(spec)
  const done = closedTasks(spec, standing).at(-1)?.window.endMs ?? standing.doneMs
  const tasks: Task[] = []
  let window = windowOf(done ?? Math.max(plan.originMs, standing.firstMs), plan)
  while (window.startMs < watermarkMs) {
    const cut = { startMs: window.startMs, endMs: Math.min(window.endMs, watermarkMs) }
    tasks.push({ spec, window: cut, knownUntilMs: watermarkMs, partial: true })
    window = { startMs: window.endMs, endMs: window.endMs + plan.everyMs }
  }
  return tasks
}

function planOf({ from, every }: MonitorSpec) {
  return { originMs: Date.parse(from), everyMs: durationMs(every, 'every') }
}
