import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Catalog } from '../store/catalog.ts'
import type { Leases } from '../store/lease.ts'
import { loadStep, type StepRow } from './step-store.ts'

/** A lease that was not renewed for so long is lost, and with it the attempt. */
export const STEP_LEASE_MS = 30_000

/** Leases are told apart by fence: one server at a time drives the steps. */
export const LEASE_HOLDER = 'server'

/** A step under way: what it writes counts only while it is leased under this fence. */
export type LeasedStep = StepRow & { readonly run_id: string }

/** One attempt at a step, as its process names itself. */
export interface StepKey {
  readonly pipelineRunId: string
  readonly step: string
  readonly fence: number
}

export function leaseName({ pipeline_run_id, step }: Pick<StepRow, 'pipeline_run_id' | 'step'>) {
  return `step:${pipeline_run_id}/${step}`
}

/** `RUN/STEP/FENCE`: the name of an attempt's job, and of the pass its process carries. */
export function attemptName({ pipelineRunId, step, fence }: StepKey): string {
  return `${pipelineRunId}/${step}/${fence}`
}

/** Throws FORBIDDEN for the pass of another attempt. */
export function assertActsFor({ actor }: Context, name: string): void {
  if (actor.startsWith('step:') && actor !== `step:${name}`)
    throw new GyreError('FORBIDDEN', `${actor} may not act for ${name}`, { name })
}

/**
 * The step of an attempt, for its process; without a fence, of the present attempt. Throws FENCED unless it
 * is leased under that fence, FORBIDDEN for the pass of another step.
 */
export async function leasedStep(
  catalog: Catalog,
  ctx: Context,
  { pipelineRunId, step, fence }: Omit<StepKey, 'fence'> & { readonly fence?: number },
): Promise<LeasedStep> {
  const row = await loadStep(catalog.read, pipelineRunId, step)
  const present = { pipelineRunId, step, fence: fence ?? row.fence }
  assertActsFor(ctx, attemptName(present))
  if (row.state !== 'leased' || row.fence !== present.fence || row.run_id === null)
    throw new GyreError(
      'FENCED',
      `step ${step} is no longer yours (state ${row.state}, fence ${row.fence})`,
      { step, fence: row.fence },
    )
  return { ...row, run_id: row.run_id }
}

const STEP_ACTOR = /^step:([^/]+)\/(.+)\/(\d+)$/

/** The step whose process asks. Throws FENCED once it has gone to another attempt, FORBIDDEN for any other caller. */
export async function askingStep(catalog: Catalog, ctx: Context): Promise<LeasedStep> {
  const [, pipelineRunId, step, fence] = STEP_ACTOR.exec(ctx.actor) ?? []
  if (pipelineRunId === undefined || step === undefined)
    throw new GyreError('FORBIDDEN', `${ctx.actor} is no step`, { actor: ctx.actor })
  return leasedStep(catalog, ctx, { pipelineRunId, step, fence: Number(fence) })
}

/** Renews the lease of `step` until `work` has ended, on behalf of work that cannot do so itself. */
export async function keepLease<T>(leases: Leases, step: LeasedStep, work: Promise<T>): Promise<T> {
  const beat = setInterval(
    // A lease that could not be renewed shows when the result is written: that write is fenced.
    () =>
      void leases
        .renew(leaseName(step), LEASE_HOLDER, step.fence, STEP_LEASE_MS)
        .catch(() => undefined),
    STEP_LEASE_MS / 3,
  )
  try {
    return await work
  } finally {
    clearInterval(beat)
  }
}
