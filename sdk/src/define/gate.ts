import { DEFINITION } from './definition.ts'
import type { GateRule, Verdict } from '../wire/gate.ts'
import type { ModelArtifact, RowSet } from '../wire/pipeline.ts'
import { DefinitionError } from './definition-error.ts'
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

/** Bounds by metric. `calibration` is mean score − label rate; `n` is the number of rows. */
export type Thresholds = Readonly<Partial<Record<(typeof METRICS)[number], GateRule>>>

/** A row set also has a digest and rows; this is what keeps it from passing for a model. */
type Model = ModelArtifact & { readonly label?: never }

export interface GateInputs {
  readonly candidate: Given<Model>
  readonly baseline?: Given<Model>
  /** Rows that neither has learned from. */
  readonly rows: Given<RowSet>
}

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
    const peers = [rule.betterThan, rule.notWorseThan]
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

/** Refuses an unknown metric, and a rule that bounds nothing. */
export function checkThresholds(here: string, thresholds: Thresholds): void {
  if (Object.keys(thresholds).length === 0)
    throw new DefinitionError(here, 'expected at least one threshold')
  for (const [metric, rule] of Object.entries(thresholds)) {
    checkKnown(`${here}.thresholds`, metric, METRICS)
    const bounds = Object.keys(rule).filter((key) => key !== 'margin')
    if (bounds.length === 0)
      throw new DefinitionError(`${here}.${metric}`, 'expected a bound such as { atLeast: 0.7 }')
  }
}
