import type { TriggerWhen } from '../wire/trigger.ts'
import { DefinitionError } from './definition-error.ts'
import { DEFINITION, type Defined } from './definition.ts'
import { checkDuration, checkSpan, type Duration } from './duration.ts'
import type { Endpoint } from './endpoint.ts'
import type { Monitor } from './monitor.ts'
import { checkKnown, checkName } from './name.ts'
import type { Param, ParamValue } from './param.ts'
import type { Params, Pipeline } from './pipeline.ts'
import type { ReleasePlanDraft } from './release-plan.ts'
import { valueSpec } from './value.ts'

type DayParam<P> = { [K in keyof P & string]: P[K] extends Param<'day'> ? K : never }[keyof P &
  string]

/** What starts a retraining, what it runs, and how the result goes out. */
export interface TriggerOptions<P extends Params> {
  readonly on: Endpoint
  /** Any of these starts it. */
  readonly when: readonly TriggerWhen[]
  readonly run: Pipeline<P>
  /** The parameter that is given the event time of the trigger. */
  readonly until: NoInfer<DayParam<P>>
  /** The pipeline's other parameters, where their presets do not do. */
  readonly with?: { readonly [K in keyof NoInfer<P>]?: ParamValue<P[K]> }
  /** Event time during which it does not fire again. */
  readonly cooldown: Duration
  readonly release: ReleasePlanDraft
}

/** A retraining that starts by itself. */
export type Trigger = Defined<'trigger'>

/** PSI of an input or of the score reached the monitor's limit. */
export function onDrift(watch: Monitor): TriggerWhen {
  return { kind: 'drift', monitor: watch[DEFINITION].spec.name }
}

/** Log loss got worse than at the gate, or scores left the truth, by more than the monitor allows. */
export function onQuality(watch: Monitor): TriggerWhen {
  const { name, worseBy, calibrationWithin } = watch[DEFINITION].spec
  if (worseBy === undefined && calibrationWithin === undefined)
    throw new DefinitionError('onQuality', `monitor ${name} has no \`worseBy\` to go by`)
  return { kind: 'quality', monitor: name }
}

/** So much event time has passed since the last run. */
export function onSchedule(every: Duration): TriggerWhen {
  checkSpan('onSchedule', every)
  return { kind: 'schedule', every }
}

/** So many labels have arrived since the last run. */
export function onNewData(labels: number): TriggerWhen {
  if (!Number.isSafeInteger(labels) || labels < 1)
    throw new DefinitionError('onNewData', `expected a whole number from 1, got ${labels}`)
  return { kind: 'new-data', labels }
}

/** Defines when to retrain, unattended: pipeline, gate, and the release of what passes. */
export function trigger<P extends Params>(name: string, options: TriggerOptions<P>): Trigger {
  const here = `trigger ${name}`
  const { on, when, run, until, with: given = {}, cooldown, release } = options
  checkName('trigger', name)
  if (when.length === 0) throw new DefinitionError(`${here}.when`, 'expected at least one reason')
  checkDuration(`${here}.cooldown`, cooldown)
  checkParams(here, run, until, given)
  const params = Object.entries(given).map(
    ([key, value]) => [key, valueSpec(`${here}.with.${key}`, name, value)] as const,
  )
  const spec = {
    name,
    endpoint: on[DEFINITION].spec.name,
    when: [...when],
    pipeline: run[DEFINITION].spec.name,
    untilParam: until,
    params: Object.fromEntries(params),
    cooldown,
    release,
  }
  return { [DEFINITION]: { kind: 'trigger', spec } }
}

function checkParams(here: string, run: Pipeline, until: string, given: object): void {
  const { params } = run[DEFINITION].spec
  const days = Object.keys(params).filter((key) => params[key]?.type === 'day')
  checkKnown(`${here}.until`, until, days)
  for (const key of Object.keys(given)) checkKnown(`${here}.with`, key, Object.keys(params))
  for (const [key, param] of Object.entries(params))
    if (param.default === undefined && key !== until && !Object.hasOwn(given, key))
      throw new DefinitionError(
        `${here}.with.${key}`,
        `pipeline ${run[DEFINITION].spec.name} wants a ${param.type} and has no preset`,
      )
}
