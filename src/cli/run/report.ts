import { setTimeout as delay } from 'node:timers/promises'
import {
  openReport,
  type ReportedCheckpoint,
  type ReportedPoint,
} from '../../train/python-report.ts'

/** How often it is looked what a program has told. */
const LOOK_MS = 250

/** Takes what a program tells, in its order. */
export interface ReportSink {
  readonly log: (points: readonly ReportedPoint[]) => Promise<void>
  readonly commit: (checkpoint: ReportedCheckpoint) => Promise<void>
}

/**
 * Reads the report at `path`, which need not be there, until `ended`, then the rest of it; outputs are for steps and say
 * nothing here. Throws STEP_FAILED naming a line that is not as it should be, and what the sink throws.
 */
export async function followReport(
  path: string,
  ended: Promise<unknown>,
  sink: ReportSink,
): Promise<void> {
  const report = openReport(path)
  const over = new AbortController()
  const stop = (): void => over.abort()
  ended.then(stop, stop)
  while (!over.signal.aborted) {
    await delay(LOOK_MS, undefined, { signal: over.signal }).catch(() => undefined)
    await takeNew()
  }
  await takeNew()

  /** A checkpoint comes after the points that were told before it. */
  async function takeNew(): Promise<void> {
    const points: ReportedPoint[] = []
    for await (const told of report.read(false)) {
      if ('checkpoint' in told) {
        if (points.length > 0) await sink.log(points.splice(0))
        await sink.commit(told)
        continue
      }
      points.push(told)
      // As many as MLflow's door takes at once.
      if (points.length === 1_000) await sink.log(points.splice(0))
    }
    if (points.length > 0) await sink.log(points)
  }
}
