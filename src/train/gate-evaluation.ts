import {
  Champion,
  SLICE_ROWS,
  sliceRulesOf,
  type GateEvaluation,
  type GateRules,
  type GroupedMetric,
  type Interval,
  type Metrics,
  type SlicedEvaluation,
} from '@gyre/sdk/wire/gate'
import { ModelArtifact, RowSet } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import { binaryMetrics } from '../evaluate/classification.ts'
import { aucDifference } from '../evaluate/delong.ts'
import { bootstrapDifferences, logLossDifference } from '../evaluate/difference.ts'
import {
  countGroups,
  demographicParity,
  equalizedOdds,
  type GroupCounts,
} from '../evaluate/fairness.ts'
import { gapInterval } from '../evaluate/gap-interval.ts'
import { metricIntervals } from '../evaluate/interval.ts'
import { callsFor } from '../evaluate/latency.ts'
import type { Resampling } from '../evaluate/resampling.ts'
import { seededRandom } from '../core/random.ts'
import type { Columns } from '../store/analytics.ts'
import {
  learnedDigest,
  learnedRows,
  scoreModel,
  type ScoredModel,
  type ScoringDeps,
} from './scored-model.ts'
import { slicesBy } from './slices.ts'

/** Rounds of a bootstrap: the ends of its interval move by some 4 % of its width from seed to seed. */
const BOOTSTRAP_ROUNDS = 400

export interface GateDeps extends ScoringDeps {
  readonly seed: number
  /** Throws ROW_OVERLAP where a model has learned from rows that it shall be judged on. */
  assertApart(model: string, rows: RowSet, learnedDigest: string): Promise<void>
}

const GateInputs = z.object({
  candidate: ModelArtifact,
  baseline: z.exactOptional(ModelArtifact.nullable()),
  rows: RowSet,
})

/** Measures candidate, champion and baseline, as they would be served, on the same rows and on the slices of `rules`. Throws ROW_OVERLAP. */
export async function evaluateForGate(
  deps: GateDeps,
  inputs: JsonValue,
  extra: JsonValue,
  rules: GateRules,
): Promise<GateEvaluation> {
  const { candidate, baseline, rows } = GateInputs.parse(inputs)
  const champion = Champion.nullable().parse(extra)
  for (const [name, model] of Object.entries({ candidate, baseline }))
    if (model) await deps.assertApart(name, rows, await learnedDigest(deps, model.digest))
  const asked = askedOf(rules)
  const score = (digest: string) => scoreModel(deps, digest, rows, asked)
  const ours = await score(candidate.digest)
  const theirs = champion && (await score(champion.digest))
  const simple = baseline ? await score(baseline.digest) : null
  const columns = await deps.rows.columns(rows)
  const models = { ours, theirs, simple }
  const measured = measure(models, asked.confident, deps.seed)
  const groups = comparedGroups(rules, ours, columns)
  return {
    ...measured,
    candidate: { ...measured.candidate, ...ours.ofFiles, ...gapsOf(groups) },
    intervals: {
      ...measured.intervals,
      ...ours.intervals,
      ...gapIntervals(groups, deps.seed),
    },
    champion: theirs && {
      ...measured.champion,
      ...theirs.ofFiles,
      ...gapsOf(comparedGroups(rules, theirs, columns)),
    },
    baseline: simple && {
      ...measured.baseline,
      ...simple.ofFiles,
      ...gapsOf(comparedGroups(rules, simple, columns)),
    },
    championRef: champion?.ref ?? null,
    slices: cutsOf(rules).map(({ by, minRows }) => {
      const slices = [...slicesBy(by, columns, ours.frame)]
      const judged = slices.filter(([, chosen]) => chosen.length >= minRows)
      return {
        by,
        minRows,
        judged: judged.map(([slice, chosen]) => ({
          slice,
          ...measure(pickFrom(models, chosen), asked.confident, deps.seed, asked.ofSlices),
        })),
        tooSmall: slices.length - judged.length,
      }
    }),
    groups: Object.fromEntries(groups.map((each) => [each.metric, groupedMetric(each)])),
    learned: asked.gap ? metricsOf(await learnedRows(deps, candidate.digest, rows)) : null,
  }
}

/** What the rules ask for beyond the metrics of the rows. */
function askedOf(rules: GateRules) {
  const all = Object.entries(rules)
  return {
    calls: callsFor(Object.keys(rules)),
    gap: all.some(([, { gapAtMost }]) => gapAtMost !== undefined),
    /** The metrics that are compared by the interval of their difference. */
    confident: all
      .filter(([, rule]) => [rule, ...sliceRulesOf(rule)].some(({ confident }) => confident))
      .map(([metric]) => metric),
    /** Those of which the worst slice is asked. */
    ofSlices: all
      .filter(([, { worstSlice }]) => worstSlice !== undefined)
      .map(([metric]) => metric),
  }
}

const GAPS = { disparity: demographicParity, equalizedOdds } as const

/** The groups that a rule compares by one metric. */
interface ComparedGroups {
  readonly metric: keyof typeof GAPS
  readonly by: string
  readonly minRows: number
  readonly judged: readonly GroupCounts[]
  readonly tooSmall: number
}

function comparedGroups(
  rules: GateRules,
  scored: ScoredModel,
  columns: Columns,
): readonly ComparedGroups[] {
  return (['disparity', 'equalizedOdds'] as const).flatMap((metric) => {
    const { by, minRows = SLICE_ROWS } = rules[metric] ?? {}
    if (by === undefined) return []
    const all = [...slicesBy(by, columns, scored.frame)]
    const large = new Map(all.filter(([, rows]) => rows.length >= minRows))
    const tooSmall = all.length - large.size
    return [{ metric, by, minRows, judged: countGroups(scored, large), tooSmall }]
  })
}

function groupedMetric({ metric, by, minRows, judged, tooSmall }: ComparedGroups): GroupedMetric {
  return { by, minRows, judged: judged.length, tooSmall, gap: GAPS[metric](judged) }
}

function gapsOf(groups: readonly ComparedGroups[]): Metrics {
  return Object.fromEntries(
    groups.map(({ metric, judged }) => [metric, GAPS[metric](judged)?.value ?? null]),
  )
}

function gapIntervals(groups: readonly ComparedGroups[], seed: number): Record<string, Interval> {
  return Object.fromEntries(
    groups.flatMap(({ metric, judged }) => {
      const interval = gapInterval(judged, GAPS[metric], resamplingBy(seed))
      return interval ? [[metric, interval]] : []
    }),
  )
}

/** The slices that the rules speak of, each way to cut once. */
function cutsOf(rules: GateRules): readonly Pick<SlicedEvaluation, 'by' | 'minRows'>[] {
  const cuts = Object.values(rules)
    .flatMap(sliceRulesOf)
    .map(({ by, minRows = SLICE_ROWS }) => ({ by, minRows }))
  return [...new Map(cuts.map((cut) => [JSON.stringify(cut), cut])).values()]
}

interface Scored {
  readonly scores: Float32Array
  readonly labels: Uint8Array
}

interface Models {
  readonly ours: Scored
  readonly theirs: Scored | null
  readonly simple: Scored | null
}

function pickFrom({ ours, theirs, simple }: Models, chosen: readonly number[]): Models {
  const pick = ({ scores, labels }: Scored): Scored => ({
    scores: Float32Array.from(chosen, (row) => scores[row] ?? Number.NaN),
    labels: Uint8Array.from(chosen, (row) => labels[row] ?? 0),
  })
  return { ours: pick(ours), theirs: theirs && pick(theirs), simple: simple && pick(simple) }
}

/** `intervals` names the metrics whose interval costs a bootstrap; all of them where it is left out. */
function measure(
  { ours, theirs, simple }: Models,
  confident: readonly string[],
  seed: number,
  intervals?: readonly string[],
) {
  return {
    rows: ours.labels.length,
    candidate: metricsOf(ours),
    champion: theirs && metricsOf(theirs),
    baseline: simple && metricsOf(simple),
    intervals: metricIntervals(ours, resamplingBy(seed), intervals),
    differences: theirs ? differencesOf(ours, theirs, confident, seed) : {},
  }
}

function metricsOf(rows: Scored): Metrics {
  return { ...binaryMetrics(rows) }
}

/** In closed form where there is one; of the others those that a rule asks for, for they cost a bootstrap. */
function differencesOf(
  ours: Scored,
  theirs: Scored,
  confident: readonly string[],
  seed: number,
): GateEvaluation['differences'] {
  const paired = { candidate: ours.scores, champion: theirs.scores, labels: ours.labels }
  const [logLoss, auc] = [logLossDifference(paired), aucDifference(paired)]
  const others = confident.filter((metric) => metric !== 'logLoss' && metric !== 'auc')
  return {
    ...(logLoss ? { logLoss } : {}),
    ...(auc ? { auc } : {}),
    ...bootstrapDifferences(paired, others, resamplingBy(seed)),
  }
}

/** Anew for each interval, so that none depends on which others are asked for. */
function resamplingBy(seed: number): Resampling {
  return { random: seededRandom(seed), rounds: BOOTSTRAP_ROUNDS }
}
