import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Frame } from '@gyre/sdk'
import type { Interval, Metrics } from '@gyre/sdk/wire/gate'
import { ModelSpec } from '@gyre/sdk/wire/model'
import type { RowSet } from '@gyre/sdk/wire/pipeline'
import type { Clock } from '../core/clock.ts'
import { latencyIntervals, latencyMetrics, warmLatencies } from '../evaluate/latency.ts'
import { folderBytes } from './folder-size.ts'
import { rowMajor } from './matrix.ts'
import { servedMatrix } from './served-matrix.ts'
import type { StepFiles } from './step-files.ts'
import type { StepRows, TransformBundle } from './step-rows.ts'

/** Scores rows with a served model file, outside the server. */
export type OpenModel = (
  path: string,
  width: number,
) => Promise<{
  run(features: Float32Array, rows: number): Promise<Float32Array>
  close(): Promise<void>
}>

export interface ScoringDeps {
  readonly files: StepFiles
  readonly rows: StepRows
  readonly openModel: OpenModel
  readonly clock: Pick<Clock, 'monotonicMs'>
  /** For a model without code of its own. */
  readonly bundle: TransformBundle
}

/** A model's answers to rows, and what its files say of themselves. */
export interface ScoredModel {
  readonly scores: Float32Array
  readonly labels: Uint8Array
  readonly frame: Frame
  /** `sizeBytes`, and percentiles of the latency where they were asked for. */
  readonly ofFiles: Metrics
  /** Of those percentiles. */
  readonly intervals: Readonly<Record<string, Interval>>
}

/** Scores rows with a model's files as they would be served, and so many of them again one by one, timed. */
export async function scoreModel(
  { files, rows, openModel, clock, bundle }: ScoringDeps,
  digest: string,
  set: RowSet,
  { calls }: { readonly calls: number },
): Promise<ScoredModel> {
  const folder = await files.folder(digest)
  const spec = await readSpec(folder)
  const frame = await rows.frame({ ...set, inputs: spec.inputs }, spec.code ?? bundle)
  const matrix = servedMatrix(frame, spec.rates)
  const width = matrix.columns.length
  const features = rowMajor(matrix)
  const model = await openModel(join(folder, 'model.onnx'), spec.inputs.length)
  try {
    const scores = matrix.rows === 0 ? new Float32Array() : await model.run(features, matrix.rows)
    const callRow = (nth: number): Promise<Float32Array> => {
      const start = (nth % matrix.rows) * width
      return model.run(features.slice(start, start + width), 1)
    }
    const latencies =
      calls > 0 && matrix.rows > 0
        ? await warmLatencies({ call: callRow, monotonicMs: () => clock.monotonicMs(), calls })
        : []
    const ofFiles = {
      sizeBytes: await folderBytes(folder),
      ...(calls > 0 ? latencyMetrics(latencies) : {}),
    }
    const intervals = latencyIntervals(latencies)
    return { scores, labels: frame.label, frame, ofFiles, intervals }
  } finally {
    await model.close()
  }
}

/** The rows a model learned from, as its files name them, scored by it; `like` says what their columns are. */
export async function learnedRows(
  deps: ScoringDeps,
  digest: string,
  like: RowSet,
): Promise<ScoredModel> {
  const { training } = await readSpec(await deps.files.folder(digest))
  const set = { ...like, digest: training.rowsDigest, rows: training.rows }
  return scoreModel(deps, digest, set, { calls: 0 })
}

/** Digest of the rows that a model says it learned from. */
export async function learnedDigest(
  { files }: Pick<ScoringDeps, 'files'>,
  digest: string,
): Promise<string> {
  return (await readSpec(await files.folder(digest))).training.rowsDigest
}

async function readSpec(folder: string): Promise<ModelSpec> {
  return ModelSpec.parse(JSON.parse(await readFile(join(folder, 'model.json'), 'utf8')))
}
