import type { GateBounds, GateRule, Verdict } from '../wire/gate.ts'
import type { ModelArtifact, RowSet } from '../wire/pipeline.ts'
import { DefinitionError } from './definition-error.ts'
import { DEFINITION } from './definition.ts'
import type { Endpoint } from './endpoint.ts'
import { checkKnown } from './name.ts'
import { addStep, currentPipeline } from './pipeline.ts'
import { inputSpecs } from './step.ts'
import type { Given, Handle } from './value.ts'

/** What compares groups of rows, and needs to be told which. */
const OF_GROUPS = ['disparity', 'equalizedOdds']

/** What is measured of a model's files, not row by row. */
const OF_FILES = ['latencyP50Ms', 'latencyP95Ms', 'latencyP99Ms', 'sizeBytes']

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
  ...OF_GROUPS,
  ...OF_FILES,
]

/**
 * Bounds by metric. `calibration` is mean score − label rate, `n` the number of rows; a metric of your own says
 * which way it improves: `{ savings: { atLeast: 100, better: 'higher' } }`. `worstSlice: { by: 'origin', atLeast: 0.6 }`
 * bounds the metric on the rows of each origin that has 500 of them (or `minRows`). `disparity` and `equalizedOdds`
 * compare such groups: `{ disparity: { by: 'origin', below: 0.05 } }`. `latencyP95Ms` is that of 200 single rows once
 * warm, `sizeBytes` that of the model's files. `gapAtMost: 0.05` bounds how much better the metric is on the rows
 * that the candidate learned from.
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
    checkQualifiers(`${here}.thresholds.${metric}`, metric, rule)
  }
}

/** Refuses what a rule says of a metric that it cannot be said of. */
function checkQualifiers(here: string, metric: string, rule: GateRule): void {
  const isOfGroups = OF_GROUPS.includes(metric)
  if (isOfGroups && rule.by === undefined)
    throw new DefinitionError(`${here}.by`, 'expected the column whose groups are compared')
  if (!isOfGroups && (rule.by !== undefined || rule.minRows !== undefined))
    throw new DefinitionError(`${here}.by`, `expected only with ${OF_GROUPS.join(' or ')}`)
  const isByRow = !isOfGroups && !OF_FILES.includes(metric)
  for (const member of ['worstSlice', 'gapAtMost'] as const)
    if (!isByRow && rule[member] !== undefined)
      throw new DefinitionError(`${here}.${member}`, 'expected only of a metric of single rows')
  for (const bounds of [rule, rule.worstSlice ?? {}]) {
    if (bounds.confident && [bounds.betterThan, bounds.notWorseThan].includes('baseline'))
      throw new DefinitionError(
        `${here}.confident`,
        'expected only with the champion: the difference from a baseline has no interval',
      )
    if (bounds.notWorseThan && bounds.confident && bounds.margin === undefined)
      throw new DefinitionError(
        `${here}.margin`,
        'expected with confident: how much worse still counts as not worse',
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
