import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ItemExchange, ItemWork } from '@gyre/sdk/wire/step'
import type { Context } from '../core/context.ts'
import { durationMs } from '../core/duration.ts'
import { GyreError } from '../core/errors.ts'
import { eachOf } from './graph.ts'
import { itemInputs, itemKey, itemParts } from './item-inputs.ts'
import { createItemWork, type ItemWorkDeps } from './item-work.ts'
import type { LeasedStep } from './leased-step.ts'
import { MAX_LOST } from './lost-attempts.ts'
import { retryPolicy } from './retry.ts'
import { addItems, gatherItems, loadOpenItems, reuseItems, takeBackItems } from './step-items.ts'
import { jsonOf, type StepFailure } from './step-store.ts'
import type { StepTask } from './step-task.ts'
import type { Conclude } from './step-transition.ts'

/** Items that are written down in one unit: some 10 ms of the catalog's time. */
const CHUNK = 1_000
/** Keys that are made at a time, some 2 ms: requests are answered in between. */
const KEYS_A_TURN = 100
/** What a step keeps as its outputs goes through memory as one text. */
const MAX_OUTPUT_CHARS = 64 * 1024 * 1024
/** So many failed items explain a failed step. */
const TOLD = 5

/** Where the processes of steps under way ask for items; by the name of the step's attempt. */
export interface FanOuts {
  /** Throws FENCED when no such attempt is under way. */
  exchange(name: string, request: ItemExchange): Promise<readonly ItemWork[]>
  /** Until what it gives is called. */
  open(name: string, exchange: (request: ItemExchange) => Promise<readonly ItemWork[]>): () => void
}

export function createFanOuts(): FanOuts {
  const open = new Map<string, (request: ItemExchange) => Promise<readonly ItemWork[]>>()
  return {
    async exchange(name, request) {
      const exchange = open.get(name)
      if (!exchange) throw new GyreError('FENCED', `${name} is no longer under way`, { name })
      return exchange(request)
    },
    open(name, exchange) {
      open.set(name, exchange)
      return () => void open.delete(name)
    },
  }
}

/**
 * Does a step for every item of its list. What is done is in the catalog item by item, so that whoever comes after
 * this server does the rest. Throws STEP_FAILED naming the items that failed, once all others are done.
 */
export async function performItems(
  deps: ItemWorkDeps,
  ctx: Context,
  task: StepTask,
  step: LeasedStep,
  stopping: AbortSignal,
): Promise<Conclude> {
  const { spec, inputs, seed } = task
  const each = eachOf(spec)
  if (!each || (spec.kind !== 'module' && spec.kind !== 'python'))
    throw new GyreError('INTERNAL', `step ${spec.name} has no items`)
  const items = itemInputs(spec, inputs)
  await writeDown(deps, ctx, task, step)
  const open = await loadOpenItems(deps.catalog.read, step)
  const failed = open.filter(({ state }) => state === 'failed')
  const failures = new Map(failed.map(({ item, error }) => [item, failureIn(error)]))
  const work = createItemWork(deps, ctx, step, {
    items,
    seed,
    open: firstOfEach(open.filter(({ state }) => state === 'pending')),
    concurrency: each.concurrency,
    retries: retryPolicy(spec),
    timeoutMs: durationMs(spec.timeout, 'timeout'),
    resources: spec.resources,
    failed: failures,
    stopping,
  })
  await work.done()
  if (failures.size > 0) throw failureOf(step.step, failures, items.count)
  // What is left are items equal to one that has been done.
  await deps.catalog.write((tx) => reuseItems(tx, ctx.project, step, 0, items.count))
  const text = await gatherItems(deps.catalog.read, step)
  if (text.length > MAX_OUTPUT_CHARS)
    throw new GyreError(
      'STEP_FAILED',
      `step ${step.step}: its ${items.count} items gave ${text.length} characters, of at most ${MAX_OUTPUT_CHARS}; let each keep a file and give its digest`,
      { step: step.step },
    )
  const outputs = jsonOf(text)
  return async () => ({ outputs })
}

/** Every item has a row, and those that an earlier run has done are done. */
async function writeDown(
  { catalog }: ItemWorkDeps,
  ctx: Context,
  { spec, inputs, seed, extra, key }: StepTask,
  step: LeasedStep,
): Promise<void> {
  const items = itemInputs(spec, inputs)
  const partsOf = itemParts(spec, items, seed, extra)
  await catalog.write((tx) => takeBackItems(tx, step, MAX_LOST, LOST))
  for (let first = 0; first < items.count; first += CHUNK) {
    const keys: (string | null)[] = []
    for (let item = first; item < Math.min(first + CHUNK, items.count); item++) {
      keys.push(key === null ? null : itemKey(partsOf(item)))
      if (keys.length % KEYS_A_TURN === 0) await nextTurn()
    }
    await catalog.write(async (tx) => {
      await addItems(tx, step, first, keys)
      if (key !== null && step.forced !== 1)
        await reuseItems(tx, ctx.project, step, first, first + keys.length)
    })
  }
}

const LOST: StepFailure = {
  code: 'UNAVAILABLE',
  message: `the server stopped ${MAX_LOST + 1} times while it ran`,
}

/** Of equal items only the first is done. */
function firstOfEach<T extends { readonly cache_key: string | null }>(open: readonly T[]): T[] {
  const seen = new Set<string>()
  return open.filter(({ cache_key: key }) => {
    if (key === null) return true
    const isFirst = !seen.has(key)
    seen.add(key)
    return isFirst
  })
}

function failureIn(error: string | null): StepFailure {
  const failure: StepFailure | null = error === null ? null : JSON.parse(error)
  return failure ?? { code: 'STEP_FAILED', message: 'for no stated reason' }
}

function failureOf(
  step: string,
  failures: ReadonlyMap<number, StepFailure>,
  count: number,
): GyreError {
  const told = [...failures]
    .toSorted(([a], [b]) => a - b)
    .slice(0, TOLD)
    .map(([item, { message }]) => `item ${item}: ${message}`)
  const more = failures.size > TOLD ? [`and ${failures.size - TOLD} more`] : []
  return new GyreError(
    'STEP_FAILED',
    [`${failures.size} of ${count} items failed`, ...told, ...more].join('\n'),
    { step, items: [...failures.keys()].toSorted((a, b) => a - b) },
  )
}
