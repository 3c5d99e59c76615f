import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import type { RetryOn, RetryPolicy } from '@gyre/sdk/wire/retries'
import { digestOfJson } from '../core/digest.ts'
import { durationMs } from '../core/duration.ts'
import { limitsOf } from './interruption.ts'
import { eachOf } from './graph.ts'
import { MAX_LOST } from './lost-attempts.ts'
import {
  failureOf,
  stepSpecOf,
  type PipelineRow,
  type StepFailure,
  type StepRow,
} from './step-store.ts'

/**
 * When each failed step is tried again, from what the catalog holds alone: a server that was down does not change it.
 * Absent are the steps that have failed for good.
 */
export function retriesOf(
  pipeline: PipelineRow,
  rows: readonly StepRow[],
  lostBy: ReadonlyMap<string, number>,
): ReadonlyMap<string, Date> {
  const retries = new Map<string, Date>()
  for (const row of rows) {
    const at = row.state === 'failed' && retryOf(pipeline, row, lostBy.get(row.step) ?? 0)
    if (at) retries.set(row.step, at)
  }
  return retries
}

function retryOf(pipeline: PipelineRow, row: StepRow, lost: number): Date | undefined {
  const spec = stepSpecOf(pipeline, row.step)
  // The items of a step are tried again one by one.
  const policy = eachOf(spec) ? { max: 0 } : retryPolicy(spec)
  const failures = row.attempt - lost
  const isLostTooOften = lost > MAX_LOST && !limitsOf(spec)
  if (isLostTooOften || !isRetried(policy, failures, failureOf(row))) return undefined
  const failedMs = Date.parse(row.ended_at ?? pipeline.started_at)
  const drawn = `${row.pipeline_run_id}/${row.step}/${row.attempt}`
  return new Date(failedMs + retryWaitMs(policy, failures, drawn))
}

/** Gyre's own steps decide or compute the same again. */
export function retryPolicy(step: StepSpec): RetryPolicy {
  if (step.kind !== 'module' && step.kind !== 'python') return { max: 0 }
  return typeof step.retries === 'number' ? { max: step.retries } : step.retries
}

/** Whether what has failed so often, at last with `failure`, is tried again. */
export function isRetried(
  { max, on }: RetryPolicy,
  failures: number,
  failure: StepFailure | null,
): boolean {
  if (failures > max) return false
  if (!on) return true
  return failure !== null && on.some((kind) => matches(kind, failure))
}

function matches(kind: RetryOn, { code, message, exitCode, signal }: StepFailure): boolean {
  if (typeof kind === 'string') return kind === code
  if ('exitCode' in kind) return kind.exitCode === exitCode
  if ('signal' in kind) return kind.signal === signal
  return message.toLowerCase().includes(kind.message.toLowerCase())
}

/** Before the retry after so many failures; `drawn` decides the jitter, so that it is the same after a restart. */
export function retryWaitMs({ backoff }: RetryPolicy, failures: number, drawn: string): number {
  if (!backoff) return 0
  const { first, factor, max, jitter } = backoff
  const grownMs = durationMs(first) * factor ** (failures - 1)
  const share = jitter * (2 * fractionOf(drawn) - 1)
  return Math.round(Math.min(grownMs, durationMs(max)) * (1 + share))
}

/** A number from 0 to 1, even over texts. */
function fractionOf(text: string): number {
  const bits = digestOfJson(text).slice('sha256:'.length, 'sha256:'.length + 8)
  return Number.parseInt(bits, 16) / 0xffff_ffff
}
