import type { GateBounds, GateRule, GateRules, SliceCut, Verdict } from '../wire/gate.ts'
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
 * which way it improves: `{ savings: { atLeast: 100, better: 'higher' } }`. `worstSlice: { atLeast: 0.6 }` bounds the metric
 * on every declared slice that has rows enough; `by` keeps it to those of one column. `disparity` and `equalizedOdds`
 * compare groups of 500 rows (or `minRows`): `{ disparity: { by: 'origin', below: 0.05 } }`. `latencyP95Ms` is that of 200 single rows once
 * warm, `sizeBytes` that of the model's files. `gapAtMost: 0.05` bounds how much better the metric is on the rows
 * that the candidate learned from.
 */
export type Thresholds = Readonly<Record<string, Threshold>>

/** Bounds of the whole, and those of the worst slice, which `by` keeps to the slices of one column. */
export type Threshold = Omit<GateRule, 'worstSlice'> & {
  readonly worstSlice?: GateBounds & { readonly by?: string }
}

/** The columns whose values cut the rows into slices, for all the rules that ask for the worst. */
export type Slices = readonly (string | SliceCut)[]

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
  /** What `worstSlice` speaks of: columns, each with the rows that a slice of it needs where those are not 500. */
  readonly slices?: Slices
}

/** A step that measures a candidate and says, metric by metric, whether it may be promoted. */
export function gate(
  name: string,
  inputs: GateInputs,
  thresholds: Thresholds,
  { champion, slices = [] }: GateOptions = {},
): Handle<Verdict> {
  const here = `pipeline ${currentPipeline(name)}.step ${name}`
  const rules = gateRules(here, thresholds, slices)
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
    rules,
    ...(champion && { champion: champion[DEFINITION].spec.name }),
  })
}

/** The rules as a gate judges by them. Refuses what `checkThresholds` does, and slices that are not declared. */
export function gateRules(here: string, thresholds: Thresholds, slices: Slices): GateRules {
  checkThresholds(here, thresholds)
  const cuts = cutsOf(here, slices)
  return Object.fromEntries(
    Object.entries(thresholds).map(([metric, { worstSlice, ...rule }]) => {
      if (!worstSlice) return [metric, rule]
      const { by, ...bounds } = worstSlice
      const field = `${here}.thresholds.${metric}.worstSlice`
      if (cuts.length === 0)
        throw new DefinitionError(field, "expected slices beside it: slices: ['COLUMN', …]")
      if (by !== undefined)
        checkKnown(
          `${field}.by`,
          by,
          cuts.map((cut) => cut.by),
        )
      const asked = cuts.filter((cut) => by === undefined || cut.by === by)
      return [metric, { ...rule, worstSlice: asked.map((cut) => ({ ...bounds, ...cut })) }]
    }),
  )
}

function cutsOf(here: string, slices: Slices): readonly SliceCut[] {
  const cuts = slices.map((slice) => (typeof slice === 'string' ? { by: slice } : slice))
  const twice = cuts.find(({ by }, i) => cuts.findIndex((cut) => cut.by === by) !== i)
  if (twice) throw new DefinitionError(`${here}.slices`, `expected ${twice.by} once`)
  for (const { by, minRows = 2 } of cuts) {
    if (by === '') throw new DefinitionError(`${here}.slices`, 'expected the name of a column')
    if (!Number.isInteger(minRows) || minRows < 2)
      throw new DefinitionError(
        `${here}.slices.minRows`,
        `expected a whole number of 2 or more, got ${minRows}`,
      )
  }
  return cuts
}

/** Refuses a metric that nobody knows, and a rule that bounds nothing. */
function checkThresholds(here: string, thresholds: Thresholds): void {
  if (Object.keys(thresholds).length === 0)
    throw new DefinitionError(`${here}.thresholds`, 'expected at least one')
  for (const [metric, rule] of Object.entries(thresholds)) {
    if (rule.better === undefined) checkKnown(`${here}.thresholds`, metric, METRICS)
    const { worstSlice } = rule
    const field = `${here}.thresholds.${metric}`
    const problem = 'expected a bound such as { atLeast: 0.7 }'
    if (!boundsAnything(rule) && !worstSlice) throw new DefinitionError(field, problem)
    if (worstSlice && !boundsAnything(worstSlice))
      throw new DefinitionError(`${field}.worstSlice`, problem)
    checkQualifiers(field, metric, rule)
  }
}

/** Refuses what a rule says of a metric that it cannot be said of. */
function checkQualifiers(here: string, metric: string, rule: Threshold): void {
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

function peersOf(rule: Threshold): readonly string[] {
  return [rule, rule.worstSlice ?? {}].flatMap(({ betterThan = '', notWorseThan = '' }) => [
    betterThan,
    notWorseThan,
  ])
}
