import type { Manifest } from '@gyre/sdk/wire/manifest'
import type { PipelineSpec, StepSpec } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import type { Dimension, SearchSpace } from '@gyre/sdk/wire/study'
import { GyreError, toGyreError } from '../core/errors.ts'
import { binaryMetrics } from '../evaluate/classification.ts'
import { callsFor } from '../evaluate/latency.ts'
import { bindParams, type Params } from '../pipelines/params.ts'

/** What a search over a pipeline is told, but for how it searches. */
export interface TrialPlan {
  readonly pipeline: string
  readonly step: string
  readonly metric: string
  readonly over: SearchSpace
  /** Parameters that every trial has. */
  readonly fixed: Params
}

/**
 * Refuses, before a study takes its name, what no trial could do: a pipeline, a step or a parameter that is not there,
 * values of another type, a metric that the step does not log where that is known. Throws INVALID_ARGUMENT naming the
 * option.
 */
export function assertTrials(manifest: Manifest, plan: TrialPlan): void {
  const { step, metric, over, fixed } = plan
  const spec = manifest.pipelines.find(({ name }) => name === plan.pipeline)
  if (!spec) {
    const known = manifest.pipelines.map(({ name }) => name)
    throw refuse('pipeline', `expected one of ${known.join(', ') || 'none'}, got ${plan.pipeline}`)
  }
  assertLogs(spec, step, metric)
  for (const name of Object.keys(over)) {
    if (!Object.hasOwn(spec.params, name))
      throw refuse(
        'over',
        `${name} is no parameter of pipeline ${spec.name}; it has ${Object.keys(spec.params).join(', ')}`,
      )
    if (Object.hasOwn(fixed, name)) throw refuse('param', `${name} is searched by --over`)
  }
  const always = Object.entries(over).filter(([, { when }]) => when === undefined)
  const base = { ...fixed, ...Object.fromEntries(always.map(([name, one]) => [name, anyOf(one)])) }
  inOption('param', () => bindParams(spec, base))
  for (const [name, dimension] of Object.entries(over))
    for (const value of valuesOf(dimension))
      inOption('over', () => bindParams(spec, { ...base, [name]: value }))
}

function assertLogs({ name, steps }: PipelineSpec, step: string, metric: string): void {
  const found = steps.find((one) => one.name === step)
  if (!found) {
    const known = steps.map((one) => one.name).join(', ')
    throw refuse('metric', `pipeline ${name} has no step ${step}; it has ${known}`)
  }
  const logged = metricsOf(found)
  if (logged === undefined || logged.includes(metric)) return
  throw refuse(
    'metric',
    `step ${step} logs no ${metric}; it logs ${logged.join(', ') || 'nothing'}`,
  )
}

/** What a built-in step logs; undefined of a step of one's own, which may log anything. */
function metricsOf(step: StepSpec): readonly string[] | undefined {
  switch (step.kind) {
    case 'module':
    case 'python':
      return undefined
    case 'training-set':
    case 'register':
      return []
    case 'gate': {
      const asked = Object.keys(step.rules)
      const latencies = ['latencyP50Ms', 'latencyP95Ms', 'latencyP99Ms']
      const ofRows = Object.keys(binaryMetrics({ scores: [], labels: [] }))
      const more = ['disparity', 'equalizedOdds'].filter((name) => asked.includes(name))
      return [...ofRows, 'sizeBytes', ...(callsFor(asked) > 0 ? latencies : []), ...more]
    }
  }
}

function anyOf(dimension: Dimension): JsonValue {
  return valuesOf(dimension)[0] ?? null
}

/** Values that fit a parameter only where all of the dimension's do. */
function valuesOf(dimension: Dimension): readonly JsonValue[] {
  if (dimension.kind === 'choice') return dimension.of
  const { low, high, step } = dimension
  // A third of the way would be whole in some ranges; this way never is.
  const between = low + (step ?? (high - low) / Math.PI)
  return dimension.kind === 'float' ? [low, high, between] : [low, high]
}

function inOption(option: string, work: () => unknown): void {
  try {
    work()
  } catch (thrown) {
    const { message, details } = toGyreError(thrown)
    throw new GyreError('INVALID_ARGUMENT', `--${option}: ${message}`, details, thrown)
  }
}

function refuse(field: string, message: string): GyreError {
  const name = field === 'pipeline' ? field : `--${field}`
  return new GyreError('INVALID_ARGUMENT', `${name}: ${message}`, { field })
}
