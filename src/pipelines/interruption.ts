import type { StepSpec } from '@gyre/sdk/wire/pipeline'
import type { Context } from '../core/context.ts'
import { durationMs } from '../core/duration.ts'
import { GyreError, toGyreError } from '../core/errors.ts'
import type { JobEnd } from '../exec/exec.ts'
import { cancellation } from './cancel.ts'
import { lastCheckpoint } from './checkpoint.ts'
import { TOLD_TO_END } from './interrupted.ts'
import { LEASE_HOLDER, leaseName, type LeasedStep } from './leased-step.ts'
import { MAX_LOST } from './lost-attempts.ts'
import { updateStep } from './step-store.ts'
import type { TransitionDeps } from './step-transition.ts'

/** More attempts than any step gets before it stops for want of a checkpoint. */
const LIMIT = 1_000

type Resumable = Extract<StepSpec, { kind: 'module' | 'python' }>
type Limits = NonNullable<Resumable['resume']>

/** The limits of a step that goes on after it was killed; undefined for one that fails then. */
export function limitsOf(spec: StepSpec): Limits | undefined {
  return spec.kind === 'module' || spec.kind === 'python' ? spec.resume : undefined
}

/** True for the end of a process that somebody else brought about. */
export function isInterruption(end: JobEnd): boolean {
  return end.kind === 'killed' || (end.kind === 'exited' && end.code === TOLD_TO_END)
}

interface Left {
  readonly ms: number
  /** What is over when they are. */
  readonly limit: string
}

/** How long the present attempt may take by the step's limits. Throws TIMEOUT when nothing is left. */
export async function timeLeft(
  { runs, clock }: Pick<TransitionDeps, 'runs' | 'clock'>,
  ctx: Context,
  step: LeasedStep,
  { maxRun, maxWait }: Limits,
): Promise<Left> {
  const now = clock.now().getTime()
  const attempts = await attemptsAt(runs, ctx, step)
  const starts = attempts.map(({ startedAt }) => Date.parse(startedAt))
  const ran = attempts.reduce(
    (sum, { startedAt, endedAt }) =>
      sum + (endedAt === null ? now : Date.parse(endedAt)) - Date.parse(startedAt),
    0,
  )
  const byRun = { ms: durationMs(maxRun, 'maxRun') - ran, limit: `maxRun ${maxRun}` }
  const byWait = {
    ms: durationMs(maxWait, 'maxWait') - (now - Math.min(now, ...starts)),
    limit: `maxWait ${maxWait}`,
  }
  const left = byRun.ms <= byWait.ms ? byRun : byWait
  if (left.ms > 0) return left
  throw outOfTime(step, left.limit, attempts.length)
}

export function outOfTime({ step }: Pick<LeasedStep, 'step'>, limit: string, attempts: number) {
  return new GyreError(
    'TIMEOUT',
    `step ${step} was not done within its ${limit}, in ${attempts} attempts`,
    { step, limit },
  )
}

async function attemptsAt(
  runs: TransitionDeps['runs'],
  ctx: Context,
  { pipeline_run_id: parentId, step: name }: LeasedStep,
) {
  return (await runs.list(ctx, { parentId, name }, LIMIT)).runs
}

/**
 * leased → pending, its run lost: another attempt goes on at the last checkpoint, and none of the step's retries is
 * used. False where somebody has cancelled the pipeline run. Throws UNAVAILABLE where so many attempts in a row have been lost without a new checkpoint that more would be too.
 */
export async function interrupt(
  deps: TransitionDeps,
  ctx: Context,
  step: LeasedStep,
  thrown: unknown,
): Promise<boolean> {
  const { catalog, runs, leases } = deps
  const { message } = toGyreError(thrown)
  const checkpoint = await lastCheckpoint(catalog.read, step)
  const attempts = await attemptsAt(runs, ctx, step)
  const since = attempts.findIndex(({ id }) => id === checkpoint?.runId)
  const fruitless = attempts.slice(0, since < 0 ? attempts.length : since)
  if (fruitless.length > MAX_LOST)
    throw new GyreError(
      'UNAVAILABLE',
      `step ${step.step} was interrupted ${fruitless.length} times in a row without a new checkpoint; at last: ${message}`,
      { step: step.step },
    )
  return catalog.write(async (tx) => {
    if (await cancellation(tx, step.pipeline_run_id)) return false
    const change = { state: 'pending', started_at: null }
    const only = { state: 'leased', fence: step.fence }
    if (!(await updateStep(tx, step, change, only))) return true
    const error = { code: 'UNAVAILABLE', message }
    await runs.finish(ctx, step.run_id, { status: 'lost', error }, tx)
    await leases.release(leaseName(step), LEASE_HOLDER, step.fence, tx)
    return true
  })
}
