import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Champion, type GateEvaluation, type Metrics } from '@gyre/sdk/wire/gate'
import { ModelSpec } from '@gyre/sdk/wire/model'
import { ModelArtifact, RowSet } from '@gyre/sdk/wire/pipeline'
import type { JsonValue } from '@gyre/sdk/wire/ref'
import { z } from 'zod'
import { binaryMetrics } from '../evaluate/classification.ts'
import { bootstrapAuc, logLossDifference } from '../evaluate/difference.ts'
import { seededRandom } from '../core/random.ts'
import { servedMatrix } from './served-matrix.ts'
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

/** Measures candidate, champion and baseline, as they would be served, on the same rows. */
export async function evaluateForGate(
  deps: GateDeps,
  inputs: JsonValue,
  extra: JsonValue,
): Promise<GateEvaluation> {
  const { candidate, baseline, rows } = GateInputs.parse(inputs)
  const champion = Champion.nullable().parse(extra)
  const ours = await score(deps, candidate.digest, rows)
  const theirs = champion && (await score(deps, champion.digest, rows))
  const simple = baseline && (await score(deps, baseline.digest, rows))
  return {
    rows: ours.labels.length,
    candidate: metricsOf(ours),
    champion: theirs && metricsOf(theirs),
    championRef: champion?.ref ?? null,
    baseline: simple ? metricsOf(simple) : null,
    differences: theirs ? differencesOf(ours, theirs, deps.seed) : {},
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
): Promise<Scored> {
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
    return { scores, labels: frame.label }
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
