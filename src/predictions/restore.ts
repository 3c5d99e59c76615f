import { z } from 'zod'
import type { Analytics } from '../store/analytics.ts'
import type { Traffic } from './join.ts'
import { tagSql } from './prediction-id.ts'
import type { TrafficClocks } from './traffic-clock.ts'

const Ms = z.union([z.number(), z.bigint()]).transform(Number)

const SpanRow = z.object({
  project: z.string(),
  tag: z.string(),
  at_given: z.boolean(),
  first_ms: Ms,
  latest_ms: Ms,
})

/** Moves the clocks to where the rows on the disk say they stood. */
export async function restoreClocks(
  analytics: Analytics,
  traffic: Traffic,
  clocks: TrafficClocks,
): Promise<void> {
  for (const row of await spans(analytics, traffic.predictions, 'id', 'at_ms')) {
    const span = { firstMs: row.first_ms, latestMs: row.latest_ms }
    clocks.predicted(row.project, row.tag, span, row.at_given)
  }
  for (const row of await spans(analytics, traffic.feedback, 'prediction_id', 'known_ms'))
    clocks.labelled(row.project, row.tag, row.latest_ms, row.at_given)
}

async function spans(analytics: Analytics, source: string, id: string, time: string) {
  const rows = await analytics.query(
    `SELECT project, ${tagSql(id)} AS tag, at_given, min(${time}) AS first_ms, max(${time}) AS latest_ms
     FROM ${source} AS r GROUP BY ALL`,
  )
  return rows.map((row) => SpanRow.parse(row))
}
