import type { GateBounds, GateRule, Verdict } from '../wire/gate.ts'
import type { ModelArtifact, RowSet } from '../wire/pipeline.ts'
import { DefinitionError } from './definition-error.ts'
import { DEFINITION } from './definition.ts'
import type { Endpoint } from './endpoint.ts'
import { checkKnown } from './name.ts'
import { addStep, currentPipeline } from './pipeline.ts'
import { inputSpecs } from './step.ts'
import type { Given, Handle } from './value.ts'

/** What a gate measures on its rows. */
const METRICS = [
  'auc',
  'logLoss',
  'brier',
  'accuracy',
  'precision',
  'recall',
  'f1',
  'calibration',
  'calibrationError',
  'n',
] as const

/**
 * Bounds by metric. `calibration` is mean score − label rate, `n` the number of rows; a metric of your own says
 * which way it improves: `{ savings: { atLeast: 100, better: 'higher' } }`. `worstSlice: { by: 'origin', atLeast: 0.6 }`
 * bounds the metric on the rows of each origin that has 500 of them (or `minRows`).
 */
export type Thresholds = Readonly<Record<string, GateRule>>

/** A row set also has a digest and rows; this is what keeps it from passing for a model. */
type Model = ModelArtifact & { readonly label?: never }

/** What a gate measures, all on the same rows. */
export interface GateInputs {
  readonly candidate: Given<Model>
  readonly baseline?: Given<Model>
  /** Rows that neither has learned from. */
  readonly rows: Given<RowSet>
}

/** Who else a candidate is compared with. */
export interface GateOptions {
  /** The stable model behind this endpoint is the champion; with none there yet, comparisons with it pass. */
  readonly champion?: Endpoint
}

/** A step that measures a candidate and says, metric by metric, whether it may be promoted. */
export function gate(
  name: string,
  inputs: GateInputs,
  thresholds: Thresholds,
  { champion }: GateOptions = {},
): Handle<Verdict> {
  const here = `pipeline ${currentPipeline(name)}.step ${name}`
  checkThresholds(here, thresholds)
  for (const [metric, rule] of Object.entries(thresholds)) {
    const peers = peersOf(rule)
    if (peers.includes('baseline') && inputs.baseline === undefined)
      throw new DefinitionError(`${here}.${metric}`, 'compares with a baseline that is not given')
    if (peers.includes('champion') && champion === undefined)
      throw new DefinitionError(`${here}.${metric}`, 'compares with a champion that is not given')
  }
  return addStep({
    kind: 'gate',
    name,
    inputs: inputSpecs(name, inputs),
    rules: { ...thresholds },
    ...(champion && { champion: champion[DEFINITION].spec.name }),
  })
}

/** Refuses a metric that nobody knows, and a rule that bounds nothing. */
export function checkThresholds(here: string, thresholds: Thresholds): void {
  if (Object.keys(thresholds).length === 0)
    throw new DefinitionError(`${here}.thresholds`, 'expected at least one')
  for (const [metric, rule] of Object.entries(thresholds)) {
    if (rule.better === undefined) checkKnown(`${here}.thresholds`, metric, METRICS)
    if (!boundsAnything(rule) && !(rule.worstSlice && boundsAnything(rule.worstSlice)))
      throw new DefinitionError(
        `${here}.thresholds.${metric}`,
        'expected a bound such as { atLeast: 0.7 }',
      )
  }
}

/** Members of a rule that bound nothing by themselves. */
const QUALIFIERS = new Set(['margin', 'confident', 'better', 'worstSlice', 'by', 'minRows'])

function boundsAnything(bounds: GateBounds): boolean {
  return Object.keys(bounds).some((key) => !QUALIFIERS.has(key))
}

function peersOf(rule: GateRule): readonly string[] {
  return [rule, rule.worstSlice ?? {}].flatMap(({ betterThan = '', notWorseThan = '' }) => [
    betterThan,
    notWorseThan,
  ])
}
