import { GyreError, toGyreError } from '../core/errors.ts'
import { compileVector, type FillVector } from './input-vector.ts'
import type { AroundNative } from './native-guard.ts'
import type { Answer, Command, RowFailure } from './protocol.ts'
import type { Tensor } from '../core/tensor.ts'
import { openGraph, type LoadedGraph } from './runtimes/graph.ts'
import { openOnnx, type OnnxModel } from './runtimes/onnx.ts'
import type { FieldsRow, ModelSource, Source } from './session.ts'
import { importTransforms } from './transforms.ts'

interface LoadedModel {
  readonly kind: 'scored'
  readonly width: number
  readonly fill: FillVector
  readonly onnx: OnnxModel
}

type Loaded = LoadedModel | ({ readonly kind: 'graph' } & LoadedGraph)

/** Owns the models of one worker and obeys commands, whatever carries them; a `drop` has no answer. Never rejects. */
export function createModelHost(
  around: AroundNative,
): (command: Command) => Promise<Answer | undefined> {
  const models = new Map<number, Loaded>()
  return async (command) => {
    try {
      return await perform(models, command, around)
    } catch (thrown) {
      const { code, message } = toGyreError(thrown)
      return { kind: 'refused', code, message }
    }
  }
}

async function perform(
  models: Map<number, Loaded>,
  command: Command,
  around: AroundNative,
): Promise<Answer | undefined> {
  switch (command.kind) {
    case 'load':
      return loadInto(models, command.session, command.source, around)
    case 'run':
      return run(scored(models, command.session), command.rows)
    case 'score':
      return score(scored(models, command.session), command.vectors)
    case 'tensors':
      return infer(loaded(models, command.session), command.inputs)
    case 'drop': {
      const model = models.get(command.session)
      models.delete(command.session)
      await (model?.kind === 'scored' ? model.onnx.close() : model?.close())
      return undefined
    }
  }
}

async function loadInto(
  models: Map<number, Loaded>,
  session: number,
  source: Source,
  around: AroundNative,
): Promise<Answer> {
  if (source.kind === 'scored') {
    models.set(session, await load(source, around))
    return { kind: 'loaded' }
  }
  if (source.kind === 'python')
    throw new GyreError('INTERNAL', 'a Python model was sent to a thread')
  const opened = await openGraph(source, around)
  models.set(session, { kind: 'graph', ...opened })
  return { kind: 'loaded', graph: opened.graph }
}

function loaded(models: ReadonlyMap<number, Loaded>, session: number): Loaded {
  const model = models.get(session)
  if (model) return model
  throw new GyreError('INTERNAL', 'the worker lacks the model it was asked for')
}

function scored(models: ReadonlyMap<number, Loaded>, session: number): LoadedModel {
  const model = loaded(models, session)
  if (model.kind === 'scored') return model
  throw new GyreError('INTERNAL', 'a graph was asked for a score')
}

async function infer(model: Loaded, inputs: readonly Tensor[]): Promise<Answer> {
  if (model.kind !== 'graph') throw new GyreError('INTERNAL', 'a scored model was sent tensors')
  try {
    return { kind: 'tensors', outputs: await model.run(inputs) }
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    return { kind: 'refused', code: 'MODEL_FAILED', message }
  }
}

async function load(
  { spec, onnxPath, codeFolder }: ModelSource,
  around: AroundNative,
): Promise<LoadedModel> {
  const width = spec.inputs.length
  const fill = compileVector(spec, await importTransforms(spec, codeFolder))
  return { kind: 'scored', width, fill, onnx: await openOnnx(onnxPath, width, around) }
}

async function run(model: LoadedModel, text: string): Promise<Answer> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by the other half of this room
  const rows = JSON.parse(text) as readonly FieldsRow[]
  const { width } = model
  const failures: RowFailure[] = []
  const vectors = new Float32Array(rows.length * width)
  for (const [row, content] of rows.entries()) {
    try {
      model.fill(content, vectors, row * width)
    } catch (thrown) {
      failures.push(failureOf(row, thrown))
      vectors.fill(0, row * width, (row + 1) * width)
    }
  }
  const scores = await scoreAll(model, vectors, rows.length, failures)
  return { kind: 'ran', scores, vectors, failures }
}

const NO_VECTORS = new Float32Array()

async function score(model: LoadedModel, vectors: Float32Array): Promise<Answer> {
  const failures: RowFailure[] = []
  const scores = await scoreAll(model, vectors, vectors.length / model.width, failures)
  return { kind: 'ran', scores, vectors: NO_VECTORS, failures }
}

/** Scores a batch; one that fails as a whole is run again row by row, so that only the culprits fail. */
async function scoreAll(
  model: LoadedModel,
  vectors: Float32Array,
  rows: number,
  failures: RowFailure[],
): Promise<Float32Array> {
  const whole = await model.onnx.run(vectors, rows).catch(() => undefined)
  if (whole) return whole
  const scores = new Float32Array(rows)
  for (let row = 0; row < rows; row++) {
    const vector = vectors.subarray(row * model.width, (row + 1) * model.width)
    try {
      scores.set(await model.onnx.run(vector, 1), row)
    } catch (thrown) {
      failures.push(failureOf(row, thrown))
    }
  }
  return scores
}

function failureOf(row: number, thrown: unknown): RowFailure {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return { row, code: 'MODEL_FAILED', message }
}
