import { issueText } from '../wire/issue-text.ts'
import { MAX_ITEMS, type Each, type ValueSpec } from '../wire/pipeline.ts'
import { isNotebook } from '../wire/python.ts'
import { TrainerSpec } from '../wire/trainer.ts'
import { DefinitionError } from './definition-error.ts'
import type { Loader } from './definition.ts'
import { checkSpan, millisecondsOf, type Duration } from './duration.ts'
import { addStep, currentPipeline } from './pipeline.ts'
import type { PythonProgram } from './python.ts'
import { resourcesSpec, type ResourceOptions } from './resources.ts'
import { retriesSpec, type RetryOptions } from './retries.ts'
import type { StepFunction } from './step-context.ts'
import { handle, valueSpec, type Given, type Handle } from './value.ts'

/** How a step is tried, and on what; of a step that is mapped, each of its items. */
export interface StepOptions {
  /** Attempts after the first one failed, up to 10, at once and whatever failed; or which, and after how long. None unless told. */
  readonly retries?: number | RetryOptions
  /** An attempt is ended by force when it takes longer, in wall time; `1h` unless told. */
  readonly timeout?: Duration
  /** What it takes of its machine; of a step that is mapped, each of its processes. Not limited unless told. */
  readonly resources?: ResourceOptions
  /** A step that is killed goes on at its last checkpoint, by none of its retries; unless told, it has failed. */
  readonly resume?: ResumeOptions
}

/** How long a step that is killed goes on. */
export interface ResumeOptions {
  /** Running time of all attempts together. */
  readonly maxRun: Duration
  /** Time from its first start, waiting included: no less than `maxRun`. */
  readonly maxWait: Duration
  /** What it gets between SIGTERM and SIGKILL to save a last checkpoint; `30s` unless told. */
  readonly grace?: Duration
  /**
   * How often `ctx.train`, `lightgbm` and `sklearn` save what they have learned; `30s` unless told. A script or function
   * of yours saves by itself.
   */
  readonly every?: Duration
}

/** How the items of a step are worked through. */
export interface MapOptions {
  /** Processes at the same time, 1 to 64; 4 unless told. No more run than the machine has cores. */
  readonly concurrency?: number
}

type Inputs<I> = { readonly [K in keyof I]: Given<I[K]> }

/** Called while a pipeline is built, it adds the step to that pipeline. */
export interface Step<I, O> {
  (inputs: Inputs<I>): Handle<O>
  /**
   * Adds the step once for every item of a list, known only when the pipeline runs:
   * `score.map(countries, (country) => ({ country, model }))`. It gives the list of what it gave for each, in the
   * items' order. Every item has a place in the cache, a seed and attempts of its own.
   */
  map<T>(
    items: Given<readonly T[]>,
    inputs: (item: Handle<T>) => Inputs<I>,
    options?: MapOptions,
  ): Handle<readonly O[]>
}

/**
 * A step that runs your own function, or a Python script, in a process of its own:
 * `step('fit', async () => (await import('./steps/fit.ts')).fit)({ rows: rows.train })`.
 * A run skips it while its code, all that code imports, its inputs and the seed are what they were.
 */
export function step<I, O>(
  name: string,
  work: Loader<StepFunction<I, O>> | PythonProgram<I, O>,
  { retries = 0, timeout = '1h', resources, resume }: StepOptions = {},
): Step<I, O> {
  function add<R>(inputs: object, each?: Each): Handle<R> {
    const here = `pipeline ${currentPipeline(name)}.step ${name}`
    checkSpan(`${here}.timeout`, timeout)
    if (each && resume)
      throw new DefinitionError(
        `${here}.resume`,
        'expected none: each item is tried again by itself',
      )
    const tried = { retries: retriesSpec(`${here}.retries`, retries), timeout }
    const taken = resources && resourcesSpec(`${here}.resources`, resources)
    const limits = resume && limitsOf(`${here}.resume`, resume)
    if (typeof work !== 'function' && isNotebook(work.python.script))
      for (const key of Object.keys(inputs)) checkVariable(`${here}.${key}`, key)
    const rest = {
      name,
      inputs: inputSpecs(name, inputs),
      ...tried,
      ...(taken && { resources: taken }),
      ...(limits && { resume: limits }),
      ...(each && { each }),
    }
    return typeof work === 'function'
      ? addStep({ kind: 'module', load: work, ...rest })
      : addStep({ kind: 'python', ...programOf(here, work, resources?.cpu), ...rest })
  }
  return Object.assign((inputs: Inputs<I>) => add<O>(checkedOnce(name, inputs)), {
    map<T>(
      items: Given<readonly T[]>,
      inputs: (item: Handle<T>) => Inputs<I>,
      { concurrency = 4 }: MapOptions = {},
    ) {
      const pipeline = currentPipeline(name)
      const here = `pipeline ${pipeline}.step ${name}`
      const each = { items: itemsSpec(here, pipeline, items), concurrency }
      if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 64)
        throw new DefinitionError(`${here}.concurrency`, `expected 1 to 64, got ${concurrency}`)
      const given = inputs(handle<T>({ pipeline, itemOf: name, spec: { kind: 'item', path: [] } }))
      if (!readsItem(name, given))
        throw new DefinitionError(`${here}.map`, 'expected at least one input to be of the item')
      return add<readonly O[]>(given, each)
    },
  })
}

function itemsSpec(here: string, pipeline: string, items: unknown): ValueSpec {
  const spec = valueSpec(`${here}.items`, pipeline, items)
  if (spec.kind !== 'literal') return spec
  if (!Array.isArray(spec.value))
    throw new DefinitionError(`${here}.items`, 'expected a list or a value of a step')
  if (spec.value.length > MAX_ITEMS)
    throw new DefinitionError(
      `${here}.items`,
      `expected at most ${MAX_ITEMS} items, got ${spec.value.length}`,
    )
  return spec
}

function readsItem(name: string, inputs: object): boolean {
  return Object.values(inputSpecs(name, inputs)).some(({ kind }) => kind === 'item')
}

/** Refuses the item of a step of the same name: there is none where the step is done once. */
function checkedOnce<I>(name: string, inputs: Inputs<I>): Inputs<I> {
  if (readsItem(name, inputs))
    throw new DefinitionError(`step ${name}`, 'reads an item: hand the list to its `map`')
  return inputs
}

function limitsOf(here: string, { maxRun, maxWait, grace = '30s', every }: ResumeOptions) {
  for (const [key, span] of Object.entries({ maxRun, maxWait, grace, ...(every && { every }) }))
    checkSpan(`${here}.${key}`, span)
  if (millisecondsOf(maxWait) < millisecondsOf(maxRun))
    throw new DefinitionError(
      `${here}.maxWait`,
      `expected ${maxRun} (maxRun) or more, got ${maxWait}`,
    )
  return { maxRun, maxWait, grace, ...(every && { every }) }
}

function programOf(
  here: string,
  { python }: Pick<PythonProgram, 'python'>,
  cpu: number | undefined,
) {
  const { script, requirements, inputs: rows, trainer } = python
  const threads: number | 'cpu' = python.threads ?? (cpu === undefined ? 1 : 'cpu')
  if (!script.endsWith('.py') && !isNotebook(script))
    throw new DefinitionError(
      `${here}.script`,
      `expected a path to a .py or .ipynb file, got ${script}`,
    )
  if (threads !== 'cpu' && !(Number.isInteger(threads) && threads >= 1 && threads <= 256))
    throw new DefinitionError(`${here}.threads`, `expected 1 to 256, got ${threads}`)
  if (rows !== undefined && rows !== 'parquet' && rows !== 'arrow')
    throw new DefinitionError(
      `${here}.inputs`,
      `expected 'parquet' or 'arrow', got ${String(rows)}`,
    )
  return {
    script,
    threads,
    ...(requirements !== undefined && { requirements }),
    ...(rows === 'arrow' && { rows }),
    ...(trainer && { trainer: trainerSpec(here, trainer) }),
  }
}

/** Inputs of a notebook become variables of its code. */
function checkVariable(field: string, name: string): void {
  if (!/^[A-Za-z_]\w*$/.test(name))
    throw new DefinitionError(field, 'expected the name of a variable, which a notebook can read')
}

function trainerSpec(here: string, trainer: TrainerSpec): TrainerSpec {
  const { data, error } = TrainerSpec.safeParse(trainer, { error: issueText })
  if (data) return data
  const [issue] = error.issues
  // The options stand alone where they are written: `lightgbm({ num_leaves: 1 })`.
  const path = issue?.path.filter((part) => part !== 'options') ?? []
  throw new DefinitionError([here, ...path].join('.'), issue?.message ?? 'expected options')
}

/** The inputs of a step as the manifest says them. */
export function inputSpecs(name: string, inputs: object): Record<string, ValueSpec> {
  const owner = currentPipeline(name)
  const specs = Object.entries(inputs).map(
    ([key, given]) =>
      [key, valueSpec(`pipeline ${owner}.step ${name}.${key}`, owner, given, name)] as const,
  )
  return Object.fromEntries(specs)
}
