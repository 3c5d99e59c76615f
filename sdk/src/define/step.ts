import type { ValueSpec } from '../wire/pipeline.ts'
import { DefinitionError } from './definition-error.ts'
import type { Loader } from './definition.ts'
import { checkSpan, millisecondsOf, type Duration } from './duration.ts'
import { addStep, currentPipeline } from './pipeline.ts'
import type { PythonProgram } from './python.ts'
import { retriesSpec, type RetryOptions } from './retries.ts'
import type { StepFunction } from './step-context.ts'
import { valueSpec, type Given, type Handle } from './value.ts'

/** How often and how long a step is tried. */
export interface StepOptions {
  /** Attempts after the first one failed, up to 10, at once and whatever failed; or which, and after how long. None unless told. */
  readonly retries?: number | RetryOptions
  /** An attempt is ended by force when it takes longer, in wall time; `1h` unless told. */
  readonly timeout?: Duration
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
}

/**
 * A step that runs your own function, or a Python script, in a process of its own:
 * `step('fit', async () => (await import('./steps/fit.ts')).fit)({ rows: rows.train })`.
 * A run skips it while its code, all that code imports, its inputs and the seed are what they were.
 */
export function step<I, O>(
  name: string,
  work: Loader<StepFunction<I, O>> | PythonProgram<I, O>,
  { retries = 0, timeout = '1h', resume }: StepOptions = {},
): (inputs: { readonly [K in keyof I]: Given<I[K]> }) => Handle<O> {
  return (inputs) => {
    const here = `pipeline ${currentPipeline(name)}.step ${name}`
    checkSpan(`${here}.timeout`, timeout)
    const tried = { retries: retriesSpec(`${here}.retries`, retries), timeout }
    const limits = resume && limitsOf(`${here}.resume`, resume)
    const rest = {
      name,
      inputs: inputSpecs(name, inputs),
      ...tried,
      ...(limits && { resume: limits }),
    }
    return typeof work === 'function'
      ? addStep({ kind: 'module', load: work, ...rest })
      : addStep({ kind: 'python', ...programOf(here, work), ...rest })
  }
}

function limitsOf(here: string, { maxRun, maxWait, grace = '30s' }: ResumeOptions) {
  for (const [key, span] of Object.entries({ maxRun, maxWait, grace }))
    checkSpan(`${here}.${key}`, span)
  if (millisecondsOf(maxWait) < millisecondsOf(maxRun))
    throw new DefinitionError(
      `${here}.maxWait`,
      `expected ${maxRun} (maxRun) or more, got ${maxWait}`,
    )
  return { maxRun, maxWait, grace }
}

function programOf(here: string, { python }: Pick<PythonProgram, 'python'>) {
  const { script, requirements, threads = 1, inputs: rows } = python
  if (!script.endsWith('.py'))
    throw new DefinitionError(`${here}.script`, `expected a path to a .py file, got ${script}`)
  if (!Number.isInteger(threads) || threads < 1 || threads > 256)
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
  }
}

/** The inputs of a step as the manifest says them. */
export function inputSpecs(name: string, inputs: object): Record<string, ValueSpec> {
  const owner = currentPipeline(name)
  const specs = Object.entries(inputs).map(
    ([key, given]) =>
      [key, valueSpec(`pipeline ${owner}.step ${name}.${key}`, owner, given)] as const,
  )
  return Object.fromEntries(specs)
}
