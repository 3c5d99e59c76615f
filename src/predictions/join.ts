import { sqlText } from '../store/analytics.ts'
import type { RowSource, RowStream } from '../store/rows.ts'

/** Both streams as they were at one moment. */
export interface Traffic {
  readonly predictions: string
  readonly feedback: string
  release(): void
}

/** Feedback first: a label that is seen then has its prediction seen as well. */
export async function openTraffic(predictions: RowStream, feedback: RowStream): Promise<Traffic> {
  const labels = await feedback.sql()
  let rows: RowSource
  try {
    rows = await predictions.sql()
  } catch (error) {
    labels.release()
    throw error
  }
  return {
    predictions: rows.sql,
    feedback: labels.sql,
    release() {
      rows.release()
      labels.release()
    },
  }
}

export interface JoinOptions {
  readonly project: string
  /** SQL condition on the columns of a prediction, `p`. */
  readonly where: string
  /** Labels known later than this do not exist yet. */
  readonly knownUntilMs?: number
}

/**
 * Predictions with their label: the columns of the stream, then `label` and `label_known_ms` (NULL while
 * unknown). Of several labels the one known last counts, and of those the one that arrived last.
 */
export function joinedSql(traffic: Traffic, { project, where, knownUntilMs }: JoinOptions): string {
  const known = knownUntilMs === undefined ? '' : `AND f.known_ms <= ${knownUntilMs}`
  return `(
    WITH chosen AS (
      SELECT * FROM ${traffic.predictions} AS p WHERE p.project = ${sqlText(project)} AND (${where})
    ), labels AS (
      SELECT f.prediction_id, max(f.known_ms) AS label_known_ms,
        arg_max(f.label, {known: f.known_ms, stamp: f.stamp}) AS label
      FROM ${traffic.feedback} AS f
      WHERE f.project = ${sqlText(project)} ${known} AND f.prediction_id IN (SELECT id FROM chosen)
      GROUP BY f.prediction_id
    )
    SELECT chosen.*, labels.label, labels.label_known_ms
    FROM chosen LEFT JOIN labels ON labels.prediction_id = chosen.id
  )`
}

/** The condition that picks an endpoint's predictions. */
export function ofEndpoint(endpoint: string): string {
  return `p.endpoint = ${sqlText(endpoint)}`
}
