import { toGyreError } from '../core/errors.ts'
import { compileVector, type FillVector } from './input-vector.ts'
import type { Command, Reply, RowFailure } from './protocol.ts'
import { openOnnx, type OnnxModel } from './runtimes/onnx.ts'
import type { ModelRow, ModelSource } from './session.ts'
import { importTransforms } from './transforms.ts'

interface LoadedModel {
  readonly width: number
  readonly fill: FillVector
  readonly onnx: OnnxModel
}

/** Owns the models of one worker and answers commands, whatever carries them: a thread's port or a child's channel. */
export function createModelHost(send: (reply: Reply) => void): (command: Command) => Promise<void> {
  const models = new Map<number, LoadedModel>()
  return async (command) => {
    switch (command.kind) {
      case 'load':
        return send(await load(models, command.session, command.source))
      case 'run':
        return send(await run(models.get(command.session), command.rows))
      case 'drop': {
        const model = models.get(command.session)
        models.delete(command.session)
        return model?.onnx.close()
      }
    }
  }
}

async function load(
  models: Map<number, LoadedModel>,
  session: number,
  { spec, onnxPath, codeFolder }: ModelSource,
): Promise<Reply> {
  try {
    const width = spec.inputs.length
    const fill = compileVector(spec, await importTransforms(spec, codeFolder))
    models.set(session, { width, fill, onnx: await openOnnx(onnxPath, width) })
    return { kind: 'loaded' }
  } catch (thrown) {
    const { code, message } = toGyreError(thrown)
    return { kind: 'refused', code, message }
  }
}

async function run(model: LoadedModel | undefined, text: string): Promise<Reply> {
  if (!model)
    return {
      kind: 'refused',
      code: 'INTERNAL',
      message: 'the worker lacks the model it was asked for',
    }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by the other half of this room
  const rows = JSON.parse(text) as readonly ModelRow[]
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
  const scores = await score(model, vectors, rows.length, failures)
  return { kind: 'ran', values: interleave(scores, vectors, width), failures }
}

/** Scores a batch; one that fails as a whole is run again row by row, so that only the culprits fail. */
async function score(
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

function interleave(
  scores: Float32Array,
  vectors: Float32Array,
  width: number,
): Float32Array<ArrayBuffer> {
  const values = new Float32Array(scores.length * (1 + width))
  for (let row = 0; row < scores.length; row++) {
    values[row * (1 + width)] = scores[row] ?? Number.NaN
    values.set(vectors.subarray(row * width, (row + 1) * width), row * (1 + width) + 1)
  }
  return values
}

function failureOf(row: number, thrown: unknown): RowFailure {
  const message = thrown instanceof Error ? thrown.message : String(thrown)
  return { row, code: 'MODEL_FAILED', message }
}
