import type { StepItems, StepWhy } from '@gyre/sdk/wire/step'
import type { Context } from '../core/context.ts'
import { GyreError } from '../core/errors.ts'
import type { Catalog } from '../store/catalog.ts'
import type { CacheParts } from './cache-key.ts'
import { eachOf } from './graph.ts'
import { itemInputs, itemParts } from './item-inputs.ts'
import { loadItems, type ItemRow } from './step-items.ts'
import {
  failureOf,
  inputsOf,
  jsonOf,
  loadPipelineRow,
  loadStep,
  stepSpecOf,
  toRunError,
  type PipelineRow,
  type StepRow,
} from './step-store.ts'
import { differences, partsOf, succeededBefore } from './why.ts'

/** Which items of a step, from `after` on. */
export interface ItemPage {
  readonly after?: number
  readonly limit: number
  readonly state?: ItemRow['state']
}

export async function listItems(
  catalog: Catalog,
  ctx: Context,
  id: string,
  step: string,
  { after = -1, limit, state }: ItemPage,
): Promise<StepItems> {
  const { pipeline, row } = await mappedStep(catalog, ctx, id, step)
  const page = { from: after + 1, limit, ...(state && { state }) }
  const found = await loadItems(catalog.read, row, page)
  const { shared, own } = itemInputs(stepSpecOf(pipeline, step), inputsOf(row))
  return {
    items: found.map((each) => {
      const failure = failureOf(each)
      return {
        item: each.item,
        state: each.state,
        attempt: each.attempt,
        cached: each.cached === 1,
        inputs: { ...shared, ...own(each.item) },
        outputs: jsonOf(each.outputs),
        error: failure && toRunError(failure),
      }
    }),
    next: found.length === limit ? (found.at(-1)?.item ?? null) : null,
  }
}

/**
 * Which part of an item's cache key made it run: compared with the item of the same number in the newest earlier run
 * of the step that succeeded. Throws NOT_FOUND.
 */
export async function whyItem(
  catalog: Catalog,
  ctx: Context,
  id: string,
  step: string,
  item: number,
): Promise<StepWhy> {
  const { pipeline, row } = await mappedStep(catalog, ctx, id, step)
  const { count } = itemInputs(stepSpecOf(pipeline, step), inputsOf(row))
  if (item >= count)
    throw new GyreError('NOT_FOUND', `step ${step} of ${id} has ${count} items, no ${item}`, {
      step,
      item,
    })
  const told = (answer: StepWhy['answer'], earlier: string | null = null) => ({
    pipelineRunId: id,
    step,
    item,
    answer,
    earlier,
    changed: [],
  })
  const [kept] = await loadItems(catalog.read, row, { from: item, limit: 1 })
  if (row.cached === 1 || kept?.cached === 1)
    return told('reused', await makerOf(catalog, ctx, row, kept))
  if (!kept || (kept.attempt === 0 && kept.state === 'pending')) return told('waiting')
  if (pipeline.repeats !== null) return told('repeated', pipeline.repeats)
  const before = await succeededBefore(catalog, pipeline, row)
  const earlier = before && (await partsOfItem(catalog, ctx, before, item))
  const now = partsIn(pipeline, row, item)
  if (!before || !earlier || !now) return told('first')
  const changed = differences(earlier, now)
  const answer = changed.length === 0 ? 'unchanged' : 'changed'
  return { ...told(answer, before.pipeline_run_id), changed }
}

async function mappedStep(catalog: Catalog, ctx: Context, id: string, step: string) {
  const pipeline = await loadPipelineRow(catalog, ctx.project, id)
  const row = await loadStep(catalog.read, id, step)
  if (!eachOf(stepSpecOf(pipeline, step)))
    throw new GyreError('NOT_FOUND', `step ${step} of ${id} is done once: it has no items`, {
      step,
    })
  return { pipeline, row }
}

async function partsOfItem(
  catalog: Catalog,
  ctx: Context,
  row: StepRow,
  item: number,
): Promise<CacheParts | undefined> {
  return partsIn(await loadPipelineRow(catalog, ctx.project, row.pipeline_run_id), row, item)
}

/** Made again from what the step was given: the same parts for every item would be kept ten thousand times. */
function partsIn(pipeline: PipelineRow, row: StepRow, item: number): CacheParts | undefined {
  const spec = stepSpecOf(pipeline, row.step)
  const items = itemInputs(spec, inputsOf(row))
  const parts = partsOf(row)
  if (!parts || !eachOf(spec) || item >= items.count) return undefined
  return itemParts(spec, items, parts.seed, jsonOf(row.extra))(item)
}

/** The pipeline run that made what an item was given from the cache. */
async function makerOf(
  catalog: Catalog,
  ctx: Context,
  { run_id }: StepRow,
  kept: ItemRow | undefined,
): Promise<string | null> {
  const cached = kept?.cache_key
  const hit = cached
    ? await catalog.read
        .selectFrom('step_cache')
        .select('run_id')
        .where('project', '=', ctx.project)
        .where('cache_key', '=', cached)
        .executeTakeFirst()
    : undefined
  const maker = hit?.run_id ?? run_id
  if (maker === null) return null
  const run = await catalog.read
    .selectFrom('runs')
    .select('parent_id')
    .where('project', '=', ctx.project)
    .where('id', '=', maker)
    .executeTakeFirst()
  return run?.parent_id ?? null
}
