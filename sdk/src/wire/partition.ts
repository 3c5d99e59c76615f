import { z } from 'zod'
import { Instant, Json, Name } from './ref.ts'

/**
 * What a pipeline is run for one by one. Periods are half-open, [start, next start), and in UTC: days from midnight,
 * weeks of seven days from the weekday of `from`, months from their first day.
 */
export const Partitions = z.discriminatedUnion('by', [
  z.strictObject({ by: z.enum(['hour', 'day', 'week', 'month']), from: Instant }),
  z.strictObject({
    by: z.literal('name'),
    names: z.array(z.string().min(1).max(200)).min(1).max(10_000),
  }),
])
export type Partitions = z.infer<typeof Partitions>

/** `stale`: it succeeded, and the pipeline has been defined otherwise since. */
export const PartitionState = z.enum(['missing', 'running', 'succeeded', 'failed', 'stale'])
export type PartitionState = z.infer<typeof PartitionState>

export const PartitionRow = z.strictObject({
  /** `2026-01-31`, `2026-01-31T13`, `2026-01`, or a name. */
  key: z.string(),
  state: PartitionState,
  /** Its newest pipeline run. */
  run: z.string().nullable(),
})
export type PartitionRow = z.infer<typeof PartitionRow>

export const StartBackfill = z.strictObject({
  /** Partitions that begin from here on; all of them unless told. */
  from: z.exactOptional(z.string()),
  /** Those that begin before this; all that have ended by now unless told. */
  to: z.exactOptional(z.string()),
  states: z
    .array(PartitionState.exclude(['running']))
    .min(1)
    .default(['missing']),
  /** Pipeline runs at the same time. */
  concurrency: z.int().min(1).max(64).default(1),
  /** The other parameters of each run. */
  params: z.record(Name, Json).default({}),
})
export type StartBackfill = z.infer<typeof StartBackfill>

export const Backfill = z.strictObject({
  id: z.string(),
  pipeline: z.string(),
  /** The code version that all its runs are of. */
  code: z.string(),
  status: z.enum(['running', 'succeeded', 'failed', 'cancelled']),
  concurrency: z.int(),
  startedAt: z.string(),
  endedAt: z.string().nullable(),
  partitions: z.strictObject({
    total: z.int(),
    waiting: z.int(),
    running: z.int(),
    succeeded: z.int(),
    failed: z.int(),
  }),
})
export type Backfill = z.infer<typeof Backfill>
