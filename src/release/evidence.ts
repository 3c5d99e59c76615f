/** Connection errors and 5xx. */
export const ERRORS = 'errors'

/** Answers that took longer than the release's plan allows. */
export const SLOW = 'slow'

/**
 * What the analysis of a canary rests on: sums per metric and weight, so that rows from restarts and
 * replicas add up. Counted are randomised requests only: no header match, no 4xx, no 429, and none while
 * the canary's weight is 0 or 10,000.
 */
export interface EvidenceRow {
  /** What counts as a failure: `errors` or `slow`. */
  readonly metric: string
  /** The canary's weight when these requests were assigned, in basis points. */
  readonly weightBp: number
  readonly canary: ArmEvidence
  readonly stable: ArmEvidence
}

export interface ArmEvidence {
  readonly requests: number
  readonly failures: number
  /** Failures that were the first of their subject in this release; of a request without subject, each. */
  readonly subjectsFailed: number
}

const NOTHING: ArmEvidence = { requests: 0, failures: 0, subjectsFailed: 0 }

/** The whole of an arm, over all weights. */
export function totalOf(rows: readonly EvidenceRow[], arm: 'canary' | 'stable'): ArmEvidence {
  return rows.reduce((sum, row) => add(sum, row[arm]), NOTHING)
}

function add(a: ArmEvidence, b: ArmEvidence): ArmEvidence {
  return {
    requests: a.requests + b.requests,
    failures: a.failures + b.failures,
    subjectsFailed: a.subjectsFailed + b.subjectsFailed,
  }
}
