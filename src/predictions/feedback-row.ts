import type { FeedbackItem } from '@gyre/sdk/wire/predict'
import type { Clock } from '../core/clock.ts'
import { eventTimeMs } from './event-time.ts'

/** The columns of the stream `feedback`, in DuckDB's types. Times are epoch milliseconds. */
export const FEEDBACK_COLUMNS = {
  prediction_id: 'VARCHAR',
  project: 'VARCHAR',
  label: 'DOUBLE',
  known_ms: 'BIGINT',
  /** The client said when it became known; else `known_ms` is the arrival. */
  at_given: 'BOOLEAN',
  /** Order of arrival, in microseconds, never twice the same: decides between labels of one moment. */
  stamp: 'BIGINT',
} as const

export interface FeedbackRow {
  readonly prediction_id: string
  readonly project: string
  readonly label: number
  readonly known_ms: number
  readonly at_given: boolean
  readonly stamp: number
}

/** Turns feedback into rows. The result throws INVALID_INPUT naming the item whose `at` is no event time. */
export function createFeedbackRows(
  clock: Clock,
): (project: string, items: readonly FeedbackItem[]) => FeedbackRow[] {
  let lastStamp = 0
  return (project, items) => {
    const nowMs = clock.now().getTime()
    return items.map((item, i) => {
      lastStamp = Math.max(lastStamp + 1, nowMs * 1_000)
      return {
        prediction_id: item.prediction_id,
        project,
        label: item.label,
        known_ms: item.at === undefined ? nowMs : eventTimeMs(item.at, `items.${i}.at`, nowMs),
        at_given: item.at !== undefined,
        stamp: lastStamp,
      }
    })
  }
}
