import type { CacheDifference, StepWhy } from '@gyre/sdk/wire/step'
import type { Context } from '../core/context.ts'
import type { Catalog } from '../store/catalog.ts'
import { CacheParts } from './cache-key.ts'
import { loadPipelineRow, loadStep, type PipelineRow, type StepRow } from './step-store.ts'

/**
 * Which part of a step's cache key made it run: the parts that differ from those of the newest run of the
 * same step of the same pipeline that succeeded before it, repetitions left out. Throws NOT_FOUND.
 */
export async function why(
  catalog: Catalog,
  ctx: Context,
  pipelineRunId: string,
  step: string,
): Promise<StepWhy> {
  const pipeline = await loadPipelineRow(catalog, ctx.project, pipelineRunId)
  const row = await loadStep(catalog.read, pipelineRunId, step)
  const item = null
  const told = (answer: StepWhy['answer'], earlier?: StepRow, changed: CacheDifference[] = []) => ({
    pipelineRunId,
    step,
    item,
    answer,
    earlier: earlier?.pipeline_run_id ?? null,
    changed,
  })
  const now = partsOf(row)
  if (!now) return told('waiting')
  if (pipeline.repeats !== null) return { ...told('repeated'), earlier: pipeline.repeats }
  if (row.cached === 1) return told('reused', await makerOf(catalog, row))
  const earlier = await succeededBefore(catalog, pipeline, row)
  const before = earlier && partsOf(earlier)
  if (!before) return told('first')
  const changed = differences(before, now)
  if (changed.length === 0 && row.forced === 1) return told('forced', earlier)
  return told(changed.length === 0 ? 'unchanged' : 'changed', earlier, changed)
}

export function partsOf(row: StepRow): CacheParts | undefined {
  return row.cache_parts === null ? undefined : CacheParts.parse(JSON.parse(row.cache_parts))
}

/** The step run whose outputs were taken. */
async function makerOf(catalog: Catalog, { run_id }: StepRow): Promise<StepRow | undefined> {
  return catalog.read
    .selectFrom('step_runs')
    .selectAll()
    .where('run_id', '=', run_id)
    .where('cached', '=', 0)
    .executeTakeFirst()
}

export async function succeededBefore(
  catalog: Catalog,
  { project, pipeline }: PipelineRow,
  { pipeline_run_id, step }: StepRow,
): Promise<StepRow | undefined> {
  return catalog.read
    .selectFrom('step_runs')
    .innerJoin('pipeline_runs', 'pipeline_runs.id', 'step_runs.pipeline_run_id')
    .innerJoin('runs', 'runs.id', 'step_runs.pipeline_run_id')
    .selectAll('step_runs')
    .where('pipeline_runs.project', '=', project)
    .where('pipeline_runs.pipeline', '=', pipeline)
    .where('step_runs.step', '=', step)
    .where('step_runs.state', '=', 'succeeded')
    .where('pipeline_runs.repeats', 'is', null)
    .where('runs.seq', '<', (eb) =>
      eb.selectFrom('runs').select('seq').where('id', '=', pipeline_run_id),
    )
    .orderBy('runs.seq', 'desc')
    .limit(1)
    .executeTakeFirst()
}

export function differences(before: CacheParts, now: CacheParts): CacheDifference[] {
  const [old, fresh] = [flat(before), flat(now)]
  return [...new Set([...old.keys(), ...fresh.keys()])]
    .map((part) => ({ part, before: old.get(part) ?? null, now: fresh.get(part) ?? null }))
    .filter((difference) => difference.before !== difference.now)
}

function flat({ code, lock, inputs, seed, extra }: CacheParts): ReadonlyMap<string, string> {
  return new Map([
    ['code', code],
    ...(lock === undefined ? [] : [['lock', lock] as const]),
    ...Object.entries(inputs).map(([name, digest]) => [`inputs.${name}`, digest] as const),
    ['seed', String(seed)],
    ['extra', extra],
  ])
}
