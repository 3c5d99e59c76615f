import { z } from 'zod'
import { sqlText } from '../store/analytics.ts'
import { joinedSql, ofEndpoint, type Traffic } from './join.ts'

/** What came back for one arm of a release: each prediction once, by its newest label. */
export interface ArmOutcome {
  readonly variant: string
  readonly requests: number
  /** Labels of 1 and of 0 that were known in time. */
  readonly successes: number
  readonly failures: number
}

const Count = z.union([z.number(), z.bigint()]).transform(Number)

const Row = z.object({
  variant: z.string(),
  requests: Count,
  successes: Count,
  failures: Count,
})

export interface RewardsQuery {
  readonly project: string
  readonly endpoint: string
  readonly releaseId: string
  /** A label that became known longer after its prediction does not count, milliseconds of event time. */
  readonly horizonMs: number
}

/** By arm, of the requests that chance gave to it. */
export function rewardsSql(traffic: Traffic, query: RewardsQuery): string {
  const { project, endpoint, releaseId, horizonMs } = query
  const where = `${ofEndpoint(endpoint)} AND p.release_id = ${sqlText(releaseId)} AND p.randomised`
  const inTime = `label_known_ms - at_ms <= ${horizonMs}`
  return `
    SELECT variant, count(*) AS requests,
      count(*) FILTER (WHERE label = 1 AND ${inTime}) AS successes,
      count(*) FILTER (WHERE label = 0 AND ${inTime}) AS failures
    FROM ${joinedSql(traffic, { project, where })} GROUP BY variant ORDER BY variant`
}

export function readRewards(rows: readonly unknown[]): ArmOutcome[] {
  return rows.map((row) => Row.parse(row))
}
