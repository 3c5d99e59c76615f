import { z } from 'zod'
import { sqlText } from '../store/analytics.ts'
import { ofEndpoint, type Traffic } from './join.ts'
import { tagSql } from './prediction-id.ts'

const Count = z.union([z.number(), z.bigint()]).transform(Number)

const CountsRow = z.object({
  predictions: Count,
  errors: Count,
  quarantined: Count,
  feedback: Count,
  orphans: Count,
})

/** What an endpoint has seen since it exists. */
export interface TrafficCounts extends z.infer<typeof CountsRow> {
  /** Log rows lost since the server started, over all endpoints: a full buffer, or a disk that refused. */
  readonly dropped: number
}

export function readCounts(row: unknown, dropped: number): TrafficCounts {
  return { ...CountsRow.parse(row), dropped }
}

/** `feedback` counts predictions with a label, `orphans` labels whose prediction is not in the log. */
export function countsSql(
  traffic: Traffic,
  project: string,
  endpoint: string,
  tag: string,
): string {
  return `
    WITH chosen AS (
      SELECT id, status, quarantined FROM ${traffic.predictions} AS p
      WHERE p.project = ${sqlText(project)} AND ${ofEndpoint(endpoint)}
    ), labelled AS (
      SELECT DISTINCT f.prediction_id FROM ${traffic.feedback} AS f
      WHERE f.project = ${sqlText(project)} AND ${tagSql('f.prediction_id')} = ${sqlText(tag)}
    )
    SELECT
      (SELECT count(*) FROM chosen) AS predictions,
      (SELECT count(*) FROM chosen WHERE status = 'error') AS errors,
      (SELECT count(*) FROM chosen WHERE quarantined) AS quarantined,
      (SELECT count(*) FROM labelled WHERE prediction_id IN (SELECT id FROM chosen)) AS feedback,
      (SELECT count(*) FROM labelled WHERE prediction_id NOT IN (SELECT id FROM chosen)) AS orphans`
}
