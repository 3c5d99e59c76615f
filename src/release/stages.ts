import type { Release, ReleasePlan } from '@gyre/sdk/wire/release'
import { analyseEach, type Analysis, type AnalysisPlan, type Metric } from './analysis.ts'
import { ERRORS, SLOW, type EvidenceRow } from './evidence.ts'

/** One share of a canary with everything that decides about it. */
export interface Stage {
  readonly weightBp: number
  readonly minSamples: number
  readonly deadline: string
  readonly advance: 'automatic' | 'manual'
}

/** The stages of a canary's plan, rising; at least one. */
export function stagesOf(plan: ReleasePlan): readonly [Stage, ...Stage[]] {
  const { weightBp, stages, minSamples, deadline, advance } = plan
  const whole = { weightBp, minSamples, deadline, advance }
  const [first, ...rest] = stages
  return [{ ...whole, ...first }, ...rest.map((stage) => ({ ...whole, ...stage }))]
}

/** The stage that a release has reached. */
export function stageOf({ plan, stage }: Pick<Release, 'plan' | 'stage'>): Stage {
  const stages = stagesOf(plan)
  return stages[stage] ?? stages[0]
}

/** The stage after it; undefined where all traffic comes next. */
export function stageAfter({ plan, stage }: Release): Stage | undefined {
  return stagesOf(plan)[stage + 1]
}

/** What a release without stages has shown, at whatever shares. */
export function analyseWhole(rows: readonly EvidenceRow[], plan: ReleasePlan): Analysis[] {
  const [only] = stagesOf(plan)
  return analyseEach(rows, analysisPlan(plan, only))
}

/** What one stage has shown by itself, a metric each: its share of the subjects tells its evidence. */
export function analyseStage(
  rows: readonly EvidenceRow[],
  plan: ReleasePlan,
  stage: Stage,
): Analysis[] {
  const evidence = rows.filter(({ weightBp }) => weightBp === stage.weightBp)
  return analyseEach(evidence, analysisPlan(plan, stage))
}

function analysisPlan(plan: ReleasePlan, { minSamples }: Stage): AnalysisPlan {
  const { ceiling, margin, slowMs, slowCeiling } = plan
  const errors: Metric = { name: ERRORS, ceiling }
  const metrics = slowMs === null ? [errors] : [errors, { name: SLOW, ceiling: slowCeiling }]
  return { metrics, stages: stagesOf(plan).length, minSamples, margin }
}
