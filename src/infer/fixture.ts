import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ModelSpec } from '@gyre/sdk/wire/model'
import { systemClock } from '../core/clock.ts'
import { encodeOnnx } from '../core/formats/onnx-writer.ts'
import { silentLog } from '../core/log.ts'
import { createInfer, type Infer, type InferDeps } from './infer.ts'
import type { ModelRow, ModelSource } from './session.ts'
import type { Timers } from './timers.ts'

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

/** Zeros through 200 layers of 1024 × 1024: always one half, and some milliseconds a row in native code. */
export function slowOnnx(): Uint8Array {
  const [width, layers] = [1_024, 200]
  const nodes = Array.from({ length: layers }, (_, i) => ({
    operator: 'MatMul',
    inputs: [`x${i}`, 'square'],
    outputs: [`x${i + 1}`],
  }))
  return encodeOnnx({
    name: 'slow',
    inputs: [{ name: 'features', shape: ['rows', 3] }],
    outputs: [{ name: 'probability', shape: ['rows', 1] }],
    nodes: [
      { operator: 'MatMul', inputs: ['features', 'first'], outputs: ['x0'] },
      ...nodes,
      { operator: 'MatMul', inputs: [`x${layers}`, 'last'], outputs: ['score'] },
      { operator: 'Sigmoid', inputs: ['score'], outputs: ['probability'] },
    ],
    constants: [
      { name: 'first', shape: [3, width], data: new Float32Array(3 * width) },
      { name: 'square', shape: [width, width], data: new Float32Array(width * width) },
      { name: 'last', shape: [width, 1], data: new Float32Array(width) },
    ],
    opsets: { '': 17 },
    metadata: {},
  })
}

/**
 * A graph that ends in logits, as those exported from a network do: x · W, where W holds a row of weights for each of
 * the three inputs and in it one number a class.
 */
export function logitsOnnx(weights: readonly (readonly number[])[]): Uint8Array {
  const classes = weights[0]?.length ?? 0
  return encodeOnnx({
    name: 'logits',
    inputs: [{ name: 'features', shape: ['rows', 3] }],
    outputs: [{ name: 'logits', shape: ['rows', classes] }],
    nodes: [{ operator: 'MatMul', inputs: ['features', 'w'], outputs: ['logits'] }],
    constants: [{ name: 'w', shape: [3, classes], data: Float32Array.from(weights.flat()) }],
    opsets: { '': 17 },
    metadata: {},
  })
}

/** sigmoid(0.5·1 − 0.25·2 + 2·0.5 + 0.1) by numpy 2.4 in float64. */
export const LINEAR3_OF_1_2_HALF = 0.7502601055951177

/** User code with one transform that misbehaves as `origin` says; WAIT lasts, and LATE waits, until `folder.release()`. */
const CALENDAR = `
import { existsSync } from 'node:fs'
import { parentPort } from 'node:worker_threads'
const released = new URL('./released', import.meta.url)
const never = new Int32Array(new SharedArrayBuffer(4))
const ways = {
  THROW: () => { throw new Error('no such airport') },
  EXIT: () => process.exit(7),
  HANG: () => { for (;;); },
  WAIT: () => { while (!existsSync(released)) Atomics.wait(never, 0, 0, 5) },
  TEXT: () => ({ hour: 'ten' }),
  PROMISE: () => Promise.resolve({ hour: 10 }),
  NAN: () => ({ hour: NaN }),
  PORT: () => parentPort.postMessage('hello'),
  STRAY: () => { void Promise.reject(new Error('nobody waits for me')) },
  LATE: () => { setInterval(() => { if (existsSync(released)) throw new Error('after the reply') }, 5) },
}
export function calendar({ date, origin }) {
  return ways[origin]?.() ?? { hour: date.getUTCHours() }
}
export const deadly = ways.EXIT
export const waiting = (fields) => ways.WAIT() ?? calendar(fields)
`

/** The flight model with another function of its code: `deadly` ends its worker, `waiting` waits until `release()`. */
export function flightCode(name: 'calendar' | 'deadly' | 'waiting'): ModelSpec['code'] {
  return {
    digest: DIGEST,
    transforms: {
      calendar: { chunk: 'calendar.mjs', export: name, from: ['date', 'origin'], gives: ['hour'] },
    },
  }
}

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
    code: flightCode('calendar'),
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

/** A flight from `origin` at 10:30 UTC, with a late rate of 0.5 there. */
export function flight(origin: string): ModelRow {
  return { kind: 'fields', fields: [Date.parse('2001-02-03T10:30:00Z'), origin], features: [0.5] }
}

/** sigmoid(0.5·10 − 0.25·2 + 2·0.5 + 0.1) by numpy 2.4 in float64: the score of `flight('ATL')`. */
export const FLIGHT_FROM_ATL = 0.9963157601005641

export interface Bench extends AsyncDisposable {
  readonly infer: Infer
  /** A model version, as if unpacked from its blob tree. */
  source(key: string, change?: Partial<ModelSpec>, onnx?: Uint8Array): Promise<ModelSource>
  /** Lets rows whose origin is WAIT go on. */
  release(): Promise<void>
}

/** An `Infer` with one worker unless told otherwise, and a folder of models for it. */
export async function openBench(settings: Partial<InferDeps> = {}): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'gyre-infer-'))
  const infer = createInfer({ clock: systemClock, log: silentLog, workers: 1, ...settings })
  await writeFile(join(folder, 'calendar.mjs'), CALENDAR)
  await writeFile(join(folder, 'exits.mjs'), 'process.exit(3)')
  const release = (): Promise<void> => writeFile(join(folder, 'released'), '')
  return {
    infer,
    release,
    async source(key, change, onnx = LINEAR3_ONNX) {
      const onnxPath = join(folder, `${key.replaceAll(/\W/g, '-')}.onnx`)
      await writeFile(onnxPath, onnx)
      return { kind: 'scored', key, onnxPath, spec: flightSpec(change), codeFolder: folder }
    },
    async [Symbol.asyncDispose]() {
      await release()
      await infer.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export interface HandTimers extends Timers {
  /** Runs the calls that were to come after exactly `ms`. */
  fire(ms: number): void
}

/** Timers that wait to be fired; what was to come after 0 ms comes by itself. */
export function handTimers(): HandTimers {
  const waiting = new Set<{ readonly ms: number; readonly run: () => void }>()
  return {
    after(ms, run) {
      const timer = { ms, run }
      if (ms === 0) setImmediate(run)
      else waiting.add(timer)
      return () => waiting.delete(timer)
    },
    fire(ms) {
      for (const timer of waiting) if (timer.ms === ms && waiting.delete(timer)) timer.run()
    },
  }
}
