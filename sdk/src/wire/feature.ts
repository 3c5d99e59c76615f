import { z } from 'zod'
import { Duration, Instant, Name } from './ref.ts'

/** One aggregated feature over a trailing window, or the latest value where `over` is absent. */
export const FeatureSpec = z.strictObject({
  aggregate: z.enum(['mean', 'sum', 'count', 'min', 'max', 'last']),
  column: Name,
  over: z.exactOptional(Duration),
})
export type FeatureSpec = z.infer<typeof FeatureSpec>

/**
 * A feature view emits, per entity, a row at each instant of its grid (`every`) at which a value may have
 * changed: the aggregate over source rows with `g - over < eventTime <= g`. NULL once the window is empty.
 */
export const ViewSpec = z.strictObject({
  name: Name,
  from: Name,
  /** Entity columns; empty = one row for the whole source. */
  entity: z.array(Name),
  eventTime: Name,
  every: Duration,
  /** How long a value stays valid; `0` = for ever. */
  ttl: Duration,
  features: z.record(Name, FeatureSpec),
  owner: z.exactOptional(z.string()),
})
export type ViewSpec = z.infer<typeof ViewSpec>

/** User code that turns request fields into numbers, the same in training and in serving. */
export const TransformSpec = z.strictObject({
  name: Name,
  /** Request fields it reads. A timestamp arrives as a `Date`. */
  from: z.array(Name).min(1),
  gives: z.array(Name).min(1),
  chunk: z.string(),
  digest: z.string(),
  export: z.string(),
})
export type TransformSpec = z.infer<typeof TransformSpec>

/** Where one number of a model's input vector comes from. */
export const ModelInput = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('field'), name: Name, field: Name }),
  z.strictObject({ kind: z.literal('transform'), name: Name, transform: Name, output: Name }),
  z.strictObject({ kind: z.literal('feature'), name: Name, view: Name, feature: Name }),
  /** The label's smoothed mean per category, learned on the training part and carried by the model. */
  z.strictObject({
    kind: z.literal('rate'),
    name: Name,
    field: Name,
    prior: z.number().positive(),
  }),
])
export type ModelInput = z.infer<typeof ModelInput>

export const OnlineFeaturesRequest = z.strictObject({
  features: z.array(z.string().regex(/^[^:]+:[^:]+$/, 'expected view:feature')).min(1),
  entities: z.record(Name, z.array(z.union([z.string(), z.number()])).max(10_000)),
  /** Answer as of this instant; now when absent. */
  at: z.exactOptional(Instant),
})
export type OnlineFeaturesRequest = z.infer<typeof OnlineFeaturesRequest>

export const FeatureStatus = z.enum(['PRESENT', 'NULL_VALUE', 'NOT_FOUND', 'OUTSIDE_MAX_AGE'])
export type FeatureStatus = z.infer<typeof FeatureStatus>

export const OnlineFeaturesReply = z.strictObject({
  names: z.array(z.string()),
  rows: z.array(
    z.strictObject({
      values: z.array(z.number().nullable()),
      statuses: z.array(FeatureStatus),
      eventTimes: z.array(z.string().nullable()),
    }),
  ),
})
export type OnlineFeaturesReply = z.infer<typeof OnlineFeaturesReply>

export const MaterializeRequest = z.strictObject({
  /** Names of views; all views of the project when absent. */
  views: z.exactOptional(z.array(Name)),
  /** Rows with event time up to and including this instant become readable. */
  until: Instant,
})
export type MaterializeRequest = z.infer<typeof MaterializeRequest>

export const MaterializeReply = z.strictObject({
  until: z.string(),
  views: z.array(
    z.strictObject({ view: z.string(), rows: z.number().int(), from: z.string().nullable() }),
  ),
})
export type MaterializeReply = z.infer<typeof MaterializeReply>
