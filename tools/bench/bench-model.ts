import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelSpec } from '@gyre/sdk/wire/model'
import type { ModelSource } from '../../src/infer/session.ts'
import { exportOnnx } from '../../src/train/export-onnx.ts'
import { trainGbdt } from '../../src/train/gbdt.ts'
import { syntheticRows } from './gbdt-rows.ts'

/** Inputs of the model: an hour, a rate, and eight online features. */
export const WIDTH = 10

const [TRAIN_ROWS, ROUNDS] = [20_000, 100]

/** A boosted model of 100 trees as a version unpacked in `folder`. */
export async function modelIn(folder: string): Promise<ModelSource> {
  const train = syntheticRows(TRAIN_ROWS, 1)
  const onnxPath = join(folder, 'model.onnx')
  await writeFile(onnxPath, exportOnnx(trainGbdt({ train, options: { rounds: ROUNDS } })))
  await writeFile(
    join(folder, 'calendar.mjs'),
    'export const calendar = ({ date }) => ({ hour: date.getUTCHours() })',
  )
  return { key: 'model:bench@1', onnxPath, spec: specOf(), codeFolder: folder }
}

/** An hour by user code, a rate by category, and eight online features. */
function specOf(): ModelSpec {
  const digest = `sha256:${'0'.repeat(64)}`
  const rates = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`A${i}`, i / 300]))
  const calendar = { chunk: 'calendar.mjs', export: 'calendar', from: ['date'], gives: ['hour'] }
  const features = Array.from({ length: WIDTH - 2 }, (_, i) => ({
    kind: 'feature',
    name: `f${i}`,
    view: 'view',
    feature: `f${i}`,
  }))
  return ModelSpec.parse({
    format: 'gyre-model/1',
    task: 'binary',
    inputs: [
      { kind: 'transform', name: 'hour', transform: 'calendar', output: 'hour' },
      { kind: 'rate', name: 'origin_rate', field: 'origin', prior: 1 },
      ...features,
    ],
    fields: { date: 'timestamp', origin: 'text' },
    rates: { origin_rate: { default: 0.2, values: rates } },
    code: { digest, transforms: { calendar } },
    reference: { rows: 0, inputs: {}, score: { bins: null, counts: [], missing: 0 } },
    training: {
      rowsDigest: digest,
      rows: TRAIN_ROWS,
      from: null,
      until: null,
      algorithm: 'gbdt',
      options: {},
      importance: {},
    },
  })
}
