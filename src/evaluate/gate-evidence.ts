import type { GroupedMetric, Interval, Metrics } from '@gyre/sdk/wire/gate'
import type { Difference } from './difference.ts'

/** What is known of a candidate on one set of rows. */
export interface GateEvidence {
  readonly metrics: Metrics
  /** 95 % intervals of those that have one. */
  readonly intervals?: Readonly<Record<string, Interval>> | undefined
  /** The model in production on the same rows; undefined before there is one. */
  readonly champion?: Metrics | undefined
  readonly baseline?: Metrics | undefined
  /** Candidate − champion per metric, paired by row. */
  readonly differences?: Readonly<Record<string, Difference>> | undefined
  /** The candidate on the rows it learned from. */
  readonly learned?: Metrics | undefined
  /** Between which groups a metric that compares groups is widest. */
  readonly groups?: Readonly<Record<string, GroupedMetric>> | undefined
}

/** The same slice by slice: the rows that share a value of `by`. */
export interface SlicedEvidence {
  readonly by: string
  readonly minRows: number
  readonly judged: readonly (GateEvidence & { readonly slice: string })[]
  /** Slices with fewer rows than `minRows`. */
  readonly tooSmall: number
}
