import { EndpointSpec } from '@gyre/sdk/wire/endpoint'
import type { ModelSpec } from '@gyre/sdk/wire/model'
import {
  DENSE_WIDTH,
  denseSpec,
  heavyOnnx,
  ORIGINS,
  perceptronOnnx,
  treesOnnx,
  treesSpec,
  TREES_WIDTH,
} from './bench-model.ts'

/** A model and the requests it is asked. */
export interface Workload {
  readonly title: string
  readonly endpoint: EndpointSpec
  readonly onnx: Uint8Array
  /** `code` is the digest of a bundle that holds the transform. */
  readonly spec: (code: string) => ModelSpec
  /** JSON bodies, sent in turn. */
  readonly bodies: readonly string[]
  /** An input vector for whoever calls the model itself. */
  readonly vector: Float32Array
  /** Requests a round. */
  readonly requests: number
}

/** Where the requests and the landings behind the features begin. */
export const FIRST_MS = Date.UTC(2001, 0, 1)

const BODIES = 500

export function trees(): Workload {
  return {
    title: '100 trees',
    endpoint: endpointOf({
      date: { type: 'timestamp' },
      origin: { type: 'text', pattern: '^A[0-9]+$' },
    }),
    onnx: treesOnnx(),
    spec: treesSpec,
    bodies: Array.from({ length: BODIES }, (_, i) => {
      const at = new Date(FIRST_MS + 86_400_000 + i * 60_000).toISOString()
      return JSON.stringify({ subject: i, at, input: { date: at, origin: `A${i % ORIGINS}` } })
    }),
    vector: vectorOf(TREES_WIDTH),
    requests: 20_000,
  }
}

export function perceptron(): Workload {
  return { ...denseWorkload(perceptronOnnx()), title: 'perceptron', requests: 10_000 }
}

export function heavy(): Workload {
  return { ...denseWorkload(heavyOnnx()), title: '7 ms model', requests: 400 }
}

function denseWorkload(onnx: Uint8Array): Omit<Workload, 'title' | 'requests'> {
  const fields = Object.keys(denseSpec().fields).map((name) => [name, { type: 'number' }])
  return {
    endpoint: endpointOf(Object.fromEntries(fields)),
    onnx,
    spec: denseSpec,
    bodies: Array.from({ length: BODIES }, (_, i) => {
      const features = Array.from(vectorOf(DENSE_WIDTH), (x) => Number((x + i / 1e3).toFixed(4)))
      return JSON.stringify({ subject: i, features })
    }),
    vector: vectorOf(DENSE_WIDTH),
  }
}

function endpointOf(input: object): EndpointSpec {
  return EndpointSpec.parse({ name: 'bench', model: 'bench', subject: 'flight', input })
}

function vectorOf(width: number): Float32Array {
  return Float32Array.from({ length: width }, (_, i) => i / width)
}
