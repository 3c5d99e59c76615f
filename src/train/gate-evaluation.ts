import {
  Champion,
  SLICE_ROWS,
  type GateEvaluation,
  type GateRules,
  type GroupedMetric,
  type Metrics,
  type SlicedEvaluation,
} from '@gyre/sdk/wire/gate'
import { ModelArtifact, RowSet } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import { binaryMetrics } from '../evaluate/classification.ts'
import { aucDifference } from '../evaluate/delong.ts'
import { bootstrapDifferences, logLossDifference } from '../evaluate/difference.ts'
import { demographicParity, equalizedOdds } from '../evaluate/fairness.ts'
import { metricIntervals } from '../evaluate/interval.ts'
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
  const groups = groupedMetrics(rules, ours, columns)
  return {
    ...measured,
    candidate: { ...measured.candidate, ...ours.ofFiles, ...gapsOf(groups) },
    champion: theirs && {
      ...measured.champion,
      ...theirs.ofFiles,
      ...gapsIn(rules, theirs, columns),
    },
    baseline: simple && {
      ...measured.baseline,
      ...simple.ofFiles,
      ...gapsIn(rules, simple, columns),
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
          ...measure(pickFrom(models, chosen), asked.confident, deps.seed),
        })),
        tooSmall: slices.length - judged.length,
      }
    }),
    intervals: metricIntervals(ours, { random: seededRandom(deps.seed), rounds: BOOTSTRAP_ROUNDS }),
    groups,
    learned: asked.gap ? metricsOf(await learnedRows(deps, candidate.digest, rows)) : null,
  }
}

/** What the rules ask for beyond the metrics of the rows. */
function askedOf(rules: GateRules) {
  const all = Object.entries(rules)
  return {
    latency: all.some(([metric]) => metric.startsWith('latency')),
    gap: all.some(([, { gapAtMost }]) => gapAtMost !== undefined),
    /** The metrics that are compared by the interval of their difference. */
    confident: all
      .filter(([, rule]) => rule.confident || rule.worstSlice?.confident)
      .map(([metric]) => metric),
  }
}

const GAPS = { disparity: demographicParity, equalizedOdds }

/** The metrics of the rules that compare groups of rows. */
function groupedMetrics(
  rules: GateRules,
  scored: ScoredModel,
  columns: Columns,
): Record<string, GroupedMetric> {
  const found = Object.entries(GAPS).flatMap(([metric, gapOf]) => {
    const { by, minRows = SLICE_ROWS } = rules[metric] ?? {}
    if (by === undefined) return []
    const all = [...slicesBy(by, columns, scored.frame)]
    const large = new Map(all.filter(([, rows]) => rows.length >= minRows))
    const gap = gapOf(scored, large)
    const counted = { judged: large.size, tooSmall: all.length - large.size }
    return [[metric, { by, minRows, ...counted, gap }] as const]
  })
  return Object.fromEntries(found)
}

function gapsIn(rules: GateRules, scored: ScoredModel, columns: Columns): Metrics {
  return gapsOf(groupedMetrics(rules, scored, columns))
}

function gapsOf(groups: Readonly<Record<string, GroupedMetric>>): Metrics {
  return Object.fromEntries(
    Object.entries(groups).map(([metric, { gap }]) => [metric, gap?.value ?? null]),
  )
}

/** The slices that the rules speak of, each way to cut once. */
function cutsOf(rules: GateRules): readonly Pick<SlicedEvaluation, 'by' | 'minRows'>[] {
  const cuts = Object.values(rules).flatMap(({ worstSlice }) =>
    worstSlice ? [{ by: worstSlice.by, minRows: worstSlice.minRows ?? SLICE_ROWS }] : [],
  )
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

function measure({ ours, theirs, simple }: Models, confident: readonly string[], seed: number) {
  return {
    rows: ours.labels.length,
    candidate: metricsOf(ours),
    champion: theirs && metricsOf(theirs),
    baseline: simple && metricsOf(simple),
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
  const resampling = { random: seededRandom(seed), rounds: BOOTSTRAP_ROUNDS }
  return {
    ...(logLoss ? { logLoss } : {}),
    ...(auc ? { auc } : {}),
    ...bootstrapDifferences(paired, others, resampling),
  }
}
