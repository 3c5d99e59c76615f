import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ModelSpec } from '@gyre/sdk/wire/model'
import type { ModelSource } from './session.ts'

/**
 * probability = sigmoid(0.5·x0 − 0.25·x1 + 2·x2 + 0.1), opset 17: Gemm and Sigmoid written with the
 * Python package onnx 1.23.2 (`helper.make_model`), checked with `onnx.checker`.
 */
export const LINEAR3_ONNX = Buffer.from(
  'CAg6ngEKGQoIZmVhdHVyZXMKAXcKAWISAXoiBEdlbW0KGQoBehILcHJvYmFiaWxpdHkiB1NpZ21vaWQSAWcqFwgDCAEQAUIBd0oMAAAAPwAAgL4AAABAKg0IARABQgFiSgTNzMw9WhsKCGZlYXR1cmVzEg8KDQgBEgkKAxIBTgoCCANiHgoLcHJvYmFiaWxpdHkSDwoNCAESCQoDEgFOCgIIAUIECgAQEUIOCgphaS5vbm54Lm1sEAM=',
  'base64',
)

/** The same graph with its output named `p`. */
export const WRONG_OUTPUT_ONNX = Buffer.from(
  'CAg6igEKGQoIZmVhdHVyZXMKAXcKAWISAXoiBEdlbW0KDwoBehIBcCIHU2lnbW9pZBIBZyoXCAMIARABQgF3SgwAAAA/AACAvgAAAEAqDQgBEAFCAWJKBM3MzD1aGwoIZmVhdHVyZXMSDwoNCAESCQoDEgFOCgIIA2IUCgFwEg8KDQgBEgkKAxIBTgoCCAFCBAoAEBFCDgoKYWkub25ueC5tbBAD',
  'base64',
)

/** sigmoid(0.5·1 − 0.25·2 + 2·0.5 + 0.1) by numpy 2.4 in float64. */
export const LINEAR3_OF_1_2_HALF = 0.7502601055951177

/** User code with one transform per way to misbehave; `origin` chooses. */
const CALENDAR = `
export function calendar({ date, origin }) {
  if (origin === 'THROW') throw new Error('no such airport')
  if (origin === 'EXIT') process.exit(7)
  if (origin === 'HANG') for (;;);
  if (origin === 'TEXT') return { hour: 'ten' }
  if (origin === 'NAN') return { hour: NaN }
  if (origin === 'STRAY') void Promise.reject(new Error('nobody waits for me'))
  if (origin === 'LATE') setTimeout(() => { throw new Error('after the reply') }, 0)
  return { hour: date.getUTCHours() }
}
`

const DIGEST = `sha256:${'0'.repeat(64)}` as const

/** Three inputs, one of each kind that needs work: a transform's hour, a rate by origin, an online feature. */
export function flightSpec(change: Partial<ModelSpec> = {}): ModelSpec {
  return {
    format: 'gyre-model/1',
    task: 'binary',
    inputs: [
      { kind: 'transform', name: 'hour', transform: 'calendar', output: 'hour' },
      { kind: 'rate', name: 'origin_rate', field: 'origin', prior: 20 },
      { kind: 'feature', name: 'origin_late', view: 'at_origin', feature: 'lateRate' },
    ],
    fields: { date: 'timestamp', origin: 'text' },
    rates: { origin_rate: { default: 0.25, values: { ATL: 2 } } },
    code: {
      digest: DIGEST,
      transforms: {
        calendar: {
          chunk: 'calendar.mjs',
          export: 'calendar',
          from: ['date', 'origin'],
          gives: ['hour'],
        },
      },
    },
    reference: {
      rows: 0,
      inputs: {},
      score: { bins: null, counts: [], missing: 0 },
    },
    training: {
      rowsDigest: DIGEST,
      rows: 0,
      from: null,
      until: null,
      algorithm: 'linear',
      options: {},
      importance: {},
    },
    ...change,
  }
}

export interface ModelFolder extends AsyncDisposable {
  /** A model version in this folder, as if unpacked from its blob tree. */
  source(key: string, change?: Partial<ModelSpec>, onnx?: Uint8Array): Promise<ModelSource>
}

export async function modelFolder(): Promise<ModelFolder> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-infer-'))
  const codeFolder = join(folder, 'code')
  await mkdir(codeFolder)
  await writeFile(join(codeFolder, 'calendar.mjs'), CALENDAR)
  await writeFile(join(codeFolder, 'exits.mjs'), 'process.exit(3)')
  return {
    async source(key, change, onnx = LINEAR3_ONNX) {
      const onnxPath = join(folder, `${key.replace(/\W/g, '-')}.onnx`)
      await writeFile(onnxPath, onnx)
      return { key, onnxPath, spec: flightSpec(change), codeFolder }
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}
