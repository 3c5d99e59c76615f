import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  Champion,
  SLICE_ROWS,
  type GateEvaluation,
  type GateRules,
  type Metrics,
  type SlicedEvaluation,
} from '@gyre/sdk/wire/gate'
import type { Frame } from '@gyre/sdk'
import { ModelSpec } from '@gyre/sdk/wire/model'
import { ModelArtifact, RowSet } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import { binaryMetrics } from '../evaluate/classification.ts'
import { bootstrapAuc, logLossDifference } from '../evaluate/difference.ts'
import { seededRandom } from '../core/random.ts'
import { servedMatrix } from './served-matrix.ts'
import { slicesBy } from './slices.ts'
import type { StepFiles } from './step-files.ts'
import type { StepRows, TransformBundle } from './step-rows.ts'

/** Rounds of the bootstrap behind an AUC difference; its interval's ends move by < 2 % of its width. */
const BOOTSTRAP_ROUNDS = 200

/** Scores rows with a served model file, outside the server. */
export type OpenModel = (
  path: string,
  width: number,
) => Promise<{
  run(features: Float32Array, rows: number): Promise<Float32Array>
  close(): Promise<void>
}>

export interface GateDeps {
  readonly files: StepFiles
  readonly rows: StepRows
  readonly openModel: OpenModel
  readonly seed: number
  /** For a model without code of its own. */
  readonly bundle: TransformBundle
}

const GateInputs = z.object({
  candidate: ModelArtifact,
  baseline: z.exactOptional(ModelArtifact.nullable()),
  rows: RowSet,
})

/** Measures candidate, champion and baseline, as they would be served, on the same rows and on the slices of `rules`. */
export async function evaluateForGate(
  deps: GateDeps,
  inputs: JsonValue,
  extra: JsonValue,
  rules: GateRules,
): Promise<GateEvaluation> {
  const { candidate, baseline, rows } = GateInputs.parse(inputs)
  const champion = Champion.nullable().parse(extra)
  const ours = await score(deps, candidate.digest, rows)
  const theirs = champion && (await score(deps, champion.digest, rows))
  const simple = baseline ? await score(deps, baseline.digest, rows) : null
  const columns = await deps.rows.columns(rows)
  const models = { ours, theirs, simple }
  return {
    ...measure(models, deps.seed),
    championRef: champion?.ref ?? null,
    slices: cutsOf(rules).map(({ by, minRows }) => {
      const slices = [...slicesBy(by, columns, ours.frame)]
      const judged = slices.filter(([, chosen]) => chosen.length >= minRows)
      return {
        by,
        minRows,
        judged: judged.map(([slice, chosen]) => ({
          slice,
          ...measure(pickFrom(models, chosen), deps.seed),
        })),
        tooSmall: slices.length - judged.length,
      }
    }),
  }
}

/** The slices that the rules speak of, each way to cut once. */
function cutsOf(rules: GateRules): readonly Pick<SlicedEvaluation, 'by' | 'minRows'>[] {
  const cuts = Object.values(rules).flatMap(({ worstSlice }) =>
    worstSlice ? [{ by: worstSlice.by, minRows: worstSlice.minRows ?? SLICE_ROWS }] : [],
  )
  return [...new Map(cuts.map((cut) => [JSON.stringify(cut), cut])).values()]
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

function measure({ ours, theirs, simple }: Models, seed: number) {
  return {
    rows: ours.labels.length,
    candidate: metricsOf(ours),
    champion: theirs && metricsOf(theirs),
    baseline: simple && metricsOf(simple),
    differences: theirs ? differencesOf(ours, theirs, seed) : {},
  }
}

interface Scored {
  readonly scores: Float32Array
  readonly labels: Uint8Array
}

async function score(
  { files, rows, openModel, bundle }: GateDeps,
  digest: string,
  set: RowSet,
): Promise<Scored & { readonly frame: Frame }> {
  const folder = await files.folder(digest)
  const spec = ModelSpec.parse(JSON.parse(await readFile(join(folder, 'model.json'), 'utf8')))
  const frame = await rows.frame({ ...set, inputs: spec.inputs }, spec.code ?? bundle)
  const matrix = servedMatrix(frame, spec.rates)
  const features = new Float32Array(matrix.rows * matrix.columns.length)
  for (const [at, column] of matrix.columns.entries())
    for (let row = 0; row < matrix.rows; row++)
      features[row * matrix.columns.length + at] = column[row] ?? Number.NaN
  const model = await openModel(join(folder, 'model.onnx'), spec.inputs.length)
  try {
    const scores = matrix.rows === 0 ? new Float32Array() : await model.run(features, matrix.rows)
    return { scores, labels: frame.label, frame }
  } finally {
    await model.close()
  }
}

function metricsOf(rows: Scored): Metrics {
  return { ...binaryMetrics(rows) }
}

function differencesOf(ours: Scored, theirs: Scored, seed: number): GateEvaluation['differences'] {
  const paired = { candidate: ours.scores, champion: theirs.scores, labels: ours.labels }
  const logLoss = logLossDifference(paired)
  const auc = bootstrapAuc(paired, { random: seededRandom(seed), rounds: BOOTSTRAP_ROUNDS })
  return { ...(logLoss ? { logLoss } : {}), ...(auc ? { auc } : {}) }
}
