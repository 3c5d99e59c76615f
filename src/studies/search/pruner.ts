/** What a trial has told of itself while it runs. */
export interface Progress {
  readonly number: number
  readonly state: 'running' | 'finished' | 'pruned' | 'failed'
  /** Losses by step, in the order of the steps; the smaller the better. */
  readonly reports: readonly Report[]
}

export interface Report {
  readonly step: number
  readonly loss: number
}

/** Decides whether a trial, which has just reported, is worth its further steps. Both verbs are pure. */
export interface Pruner {
  /** The step at which it is compared with the others; undefined where it goes on without. */
  readonly comparesAt: (trial: Progress) => number | undefined
  /** `others` need to have only their first report at that step or after it. */
  readonly stops: (trial: Progress, others: readonly Progress[]) => boolean
}

/** The report at `step`, or the first after it. */
export function reportFrom({ reports }: Progress, step: number): Report | undefined {
  return reports.find((report) => report.step >= step)
}
