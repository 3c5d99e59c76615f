import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RowSet, type ModelArtifact } from '@gyre/sdk/wire/pipeline'
import { Json, type JsonValue } from '@gyre/sdk/wire/ref'
import type { TrainerSpec } from '@gyre/sdk/wire/trainer'
import { z } from 'zod'
import { GyreError } from '../core/errors.ts'
import { libraryModel } from './library-model.ts'
import { assertTrainable, invalidArgument, matrixOf, rowMajor, type Matrix } from './matrix.ts'
import { runPythonStep, type PythonStepDeps, type PythonWork } from './python-step.ts'
import type { OpenModel } from './scored-model.ts'
import { servedMatrix } from './served-matrix.ts'
import { savesEveryMs } from './step-checkpoints.ts'
import type { StepRows, TransformBundle } from './step-rows.ts'
import { modelFiles, prepare } from './train.ts'

export interface LibraryTrainerDeps extends PythonStepDeps {
  readonly rows: StepRows
  readonly bundle: TransformBundle
  readonly openModel: OpenModel
}

const Options = z.record(z.string(), Json)

/**
 * What the saved model may differ from the library by, in probability: it answers in float32, whose rounding of the
 * score and of the sigmoid comes to less than 2e-7.
 */
const MAX_DIFFERENCE = 1e-6

/**
 * Trains with a library in Python and saves what it learned as a model. The library's own predictions and those of
 * the saved file are compared on the training rows as they would be served, and with each input missing in turn; the
 * largest difference is the metric `onnx_parity`. Throws STEP_FAILED where it is above 1e-6, INVALID_ARGUMENT naming
 * the input that does not fit.
 */
export async function trainWithLibrary(
  deps: LibraryTrainerDeps,
  work: PythonWork,
  { algorithm, ...told }: TrainerSpec,
): Promise<ModelArtifact> {
  const { folder, rows, bundle, files } = deps
  const options = Options.parse(told.options)
  const set = rowSetOf(work.inputs)
  const frame = await rows.frame(set, bundle)
  const { train, rates } = prepare(frame)
  assertTrainable(train)
  const served = withGaps(servedMatrix(frame, rates))
  if (algorithm === 'logistic-regression')
    for (const matrix of [train.matrix, served]) assertFinite(matrix)

  const exchange = join(folder, 'exchange')
  await mkdir(exchange)
  const given = {
    algorithm,
    options,
    seed: work.seed,
    width: served.columns.length,
    saveEverySeconds: work.spec.resume ? savesEveryMs(work.spec.resume) / 1_000 : null,
    ...pathsIn(exchange, 'features', 'served', 'labels', 'model', 'predictions'),
  }
  await writeFile(given.features, bytesOf(train.matrix.columns))
  await writeFile(given.served, bytesOf(served.columns))
  await writeFile(given.labels, bytesOf([train.labels]))
  await runPythonStep(deps, { ...work, inputs: given })

  const model = libraryModel(served.names, JSON.parse(await readFile(given.model, 'utf8')))
  const { onnx, spec } = modelFiles(
    { model, frame, rates, algorithm, options: { ...options, seed: work.seed } },
    await rows.servingParts(set, bundle),
  )
  const path = join(exchange, 'model.onnx')
  await writeFile(path, onnx)
  const expected = doublesOf(await readFile(given.predictions))
  const difference = largestDifference(expected, await scores(deps.openModel, path, served))
  await deps.log([{ key: 'onnx_parity', value: difference }])
  assertParity(difference)
  const json = Buffer.from(JSON.stringify(spec))
  const { digest } = await files.putFolder({ 'model.onnx': onnx, 'model.json': json })
  return { digest, rows: frame.rows }
}

function rowSetOf({ rows }: Readonly<Record<string, JsonValue>>): RowSet {
  const { data } = RowSet.safeParse(rows)
  if (data) return data
  throw invalidArgument('inputs.rows', 'the rows of a training set')
}

/** The rows, and the first of them once more for each input, without it. */
function withGaps({ names, columns, rows }: Matrix): Matrix {
  const longer = columns.map((column, at) => {
    const values = new Float32Array(rows + columns.length).fill(column[0] ?? Number.NaN, rows)
    values.set(column)
    values[rows + at] = Number.NaN
    return values
  })
  return matrixOf(names, longer)
}

function assertFinite({ names, columns }: Matrix): void {
  const at = columns.findIndex((column) =>
    column.some((value) => value === Infinity || value === -Infinity),
  )
  if (at >= 0) throw invalidArgument(`inputs.rows.${names[at]}`, 'finite or missing values')
}

function pathsIn<K extends string>(folder: string, ...names: readonly K[]): Record<K, string>
function pathsIn(folder: string, ...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, join(folder, name)]))
}

/** Column after column, as they lie in memory. */
function bytesOf(columns: readonly ArrayLike<number>[]): Uint8Array[] {
  return columns.map((column) => {
    const typed = column instanceof Float32Array ? column : Uint8Array.from(column)
    return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength)
  })
}

function doublesOf(bytes: Buffer): Float64Array {
  return new Float64Array(new Uint8Array(bytes).buffer)
}

async function scores(openModel: OpenModel, path: string, matrix: Matrix): Promise<Float32Array> {
  const model = await openModel(path, matrix.columns.length)
  try {
    return await model.run(rowMajor(matrix), matrix.rows)
  } finally {
    await model.close()
  }
}

/** NaN where either has one, or where they are not as many. */
export function largestDifference(expected: ArrayLike<number>, actual: ArrayLike<number>): number {
  if (expected.length !== actual.length) return Number.NaN
  let largest = 0
  for (let row = 0; row < expected.length; row++) {
    const difference = Math.abs((expected[row] ?? Number.NaN) - (actual[row] ?? Number.NaN))
    if (!(difference <= largest)) largest = difference
    if (Number.isNaN(difference)) return difference
  }
  return largest
}

/** Throws STEP_FAILED where a saved model is another one than its library's. */
export function assertParity(difference: number): void {
  if (difference <= MAX_DIFFERENCE) return
  throw new GyreError(
    'STEP_FAILED',
    `onnx_parity: expected the saved model within ${MAX_DIFFERENCE} of the library's predictions, got ${difference}`,
    { field: 'onnx_parity', difference },
  )
}
