import type { PipelineSpec, StepSpec } from '@gyre/sdk/wire/pipeline'
import { canonicalJson } from '../core/digest.ts'
import { GyreError } from '../core/errors.ts'
import { upstreamOf } from './graph.ts'
import { bindParams, type Params } from './params.ts'
import { paramsOf, type PipelineRow, type StepRow } from './step-store.ts'

/** What a run takes over from the one that it resumes. */
export interface Resumption {
  readonly run: string
  /** Steps whose outputs it takes, as they ended. */
  readonly taken: ReadonlyMap<string, StepRow>
  /** Steps that are executed although the cache may have their outputs. */
  readonly forced: ReadonlySet<string>
  readonly params: Params
}

interface Asked {
  /** The first step to execute; those that did not succeed unless told. */
  readonly from: string | undefined
  readonly params: Params
}

/**
 * What of an ended run one of the pipeline as it is now takes over, and what it executes: `from` and all that reads
 * from it, and whatever did not succeed. Throws CONFLICT and INVALID_ARGUMENT.
 */
export function resumptionOf(
  spec: PipelineSpec,
  earlier: PipelineRow,
  rows: readonly StepRow[],
  { from, params }: Asked,
): Resumption {
  assertResumable(earlier, from)
  const names = new Set(spec.steps.map(({ name }) => name))
  const gone = from ?? rows.find(({ state, step }) => state === 'failed' && !names.has(step))?.step
  if (gone !== undefined && !names.has(gone)) throw goneError(spec, gone, from)
  const ended = new Map(
    rows.filter(({ state }) => state === 'succeeded').map((row) => [row.step, row]),
  )
  const forced = downstreamOf(spec, ({ name }) => name === from)
  const executed = downstreamOf(spec, ({ name }) => name === from || !ended.has(name))
  const kept = spec.steps.filter(({ name }) => !executed.has(name))
  const bound = boundAnew(spec, paramsOf(earlier), params, kept)
  const taken = new Map([...ended].filter(([name]) => kept.some((step) => step.name === name)))
  return { run: earlier.id, taken, forced, params: bound }
}

function assertResumable({ id, status, repeats }: PipelineRow, from: string | undefined): void {
  const wrong = (reason: string) => new GyreError('CONFLICT', `${id} ${reason}`, { id, status })
  if (status === 'running') throw wrong('runs still; cancel it before it is resumed')
  if (repeats !== null) throw wrong(`repeats ${repeats}, and a repetition decides nothing`)
  if (status === 'succeeded' && from === undefined)
    throw wrong('succeeded; name the step to resume from')
}

function goneError({ name, steps }: PipelineSpec, step: string, from: string | undefined) {
  const there = steps.map((one) => one.name).join(', ')
  const why = from === undefined ? ', which failed,' : ''
  return new GyreError(
    'INVALID_ARGUMENT',
    `from: step ${step}${why} is not in the pipeline ${name} as it is applied now; it has ${there}`,
    { field: 'from', step },
  )
}

/** The steps that `isFirst` picks, and all that reads from them. */
function downstreamOf(
  { steps }: PipelineSpec,
  isFirst: (step: StepSpec) => boolean,
): ReadonlySet<string> {
  const found = new Set<string>()
  for (const step of steps)
    if (isFirst(step) || upstreamOf(step).some((name) => found.has(name))) found.add(step.name)
  return found
}

/** The parameters of before, save those that are given. What a kept step was made with may not change. */
function boundAnew(
  spec: PipelineSpec,
  before: Params,
  given: Params,
  kept: readonly StepSpec[],
): Params {
  const known = Object.entries(before).filter(([name]) => Object.hasOwn(spec.params, name))
  const bound = bindParams(spec, { ...Object.fromEntries(known), ...given })
  for (const name of Object.keys(given)) {
    if (canonicalJson(bound[name] ?? null) === canonicalJson(before[name] ?? null)) continue
    const reader = kept.find((step) => reads(step, name))
    if (reader)
      throw new GyreError(
        'INVALID_ARGUMENT',
        `params.${name}: step ${reader.name}, whose outputs are kept, was made with another value; resume from it, or run the pipeline anew`,
        { field: `params.${name}`, step: reader.name },
      )
  }
  return bound
}

/** Every step that has none of its own takes the pipeline's seed. */
function reads({ inputs }: StepSpec, param: string): boolean {
  const values = Object.values(inputs)
  if (values.some((value) => value.kind === 'param' && value.param === param)) return true
  return param === 'seed' && !Object.hasOwn(inputs, 'seed')
}
