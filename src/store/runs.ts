import type { MetricPoint, Run, RunCode, RunError, RunRef, RunStatus } from '@gyre/sdk/wire/run'
import type { Context } from '../core/context.ts'
import type { Tx } from './catalog.ts'

export interface NewRun {
  /** `training`, `evaluation`, `pipeline`, `step`, … */
  readonly kind: string
  readonly name: string
  readonly params?: Run['params']
  readonly inputs?: readonly RunRef[]
  readonly parentId?: string
  readonly code?: RunCode
  readonly environment?: Readonly<Record<string, string>>
  readonly tags?: Readonly<Record<string, string>>
  readonly seed?: number
}

export interface RunEnd {
  readonly status: Exclude<RunStatus, 'running'>
  readonly outputs?: readonly RunRef[]
  readonly error?: RunError
}

/** Members left out match everything. */
export interface RunFilter {
  readonly kind?: string
  readonly name?: string
  readonly status?: RunStatus
  readonly parentId?: string
}

export interface RunPage {
  readonly runs: readonly Run[]
  /** Hand it in to get the next page; undefined on the last one. */
  readonly next: string | undefined
}

export interface MetricHistory {
  readonly points: readonly Required<MetricPoint>[]
  readonly next: string | undefined
}

/**
 * Runs make things. Every verb sees the project of `ctx` only; given a `tx` it is part of that unit, else it
 * is a unit of its own. Starting and finishing leave `run.started` and `run.finished` events.
 */
export interface Runs {
  start(ctx: Context, run: NewRun, tx?: Tx): Promise<Run>
  /** Throws NOT_FOUND, and CONFLICT when the run has ended already. */
  finish(ctx: Context, id: string, end: RunEnd, tx?: Tx): Promise<Run>
  /** Values may be NaN or ±Infinity; `step` is 0 and `at` now unless told. */
  logMetrics(ctx: Context, id: string, points: readonly MetricPoint[], tx?: Tx): Promise<void>
  /** Naming the same ref in the same role again changes nothing. */
  addInputs(ctx: Context, id: string, refs: readonly RunRef[], tx?: Tx): Promise<void>
  addOutputs(ctx: Context, id: string, refs: readonly RunRef[], tx?: Tx): Promise<void>
  /** Merges: a key given again takes the new value. */
  setTags(ctx: Context, id: string, tags: Readonly<Record<string, string>>, tx?: Tx): Promise<void>
  /** Throws NOT_FOUND. */
  get(ctx: Context, id: string, tx?: Tx): Promise<Run>
  find(ctx: Context, id: string, tx?: Tx): Promise<Run | undefined>
  /** Newest first. */
  list(ctx: Context, filter: RunFilter, limit: number, cursor?: string): Promise<RunPage>
  /** Every point of one metric, by step, then in the order logged. */
  metricHistory(
    ctx: Context,
    id: string,
    key: string,
    limit: number,
    cursor?: string,
  ): Promise<MetricHistory>
  /** Runs that list `ref` among their outputs, oldest first. */
  producersOf(ctx: Context, ref: string): Promise<readonly Run[]>
  /** Runs that list `ref` among their inputs, oldest first. */
  consumersOf(ctx: Context, ref: string): Promise<readonly Run[]>
}
