import {
  ARRAY_OF,
  elementsOf,
  joinRows,
  rowsOf,
  type Tensor,
  type TensorType,
} from '../core/tensor.ts'

type Run = (inputs: readonly Tensor[]) => Promise<readonly Tensor[]>

/** Lengths tried for dimensions that vary, the same for all of them: inputs often have to agree. */
const LENGTHS = [4, 1]

/** Sums of another order differ in float32; what depends on its neighbours differs by far more. */
const TOLERANCE = 1e-4

/**
 * Whether a row's answer is the same in company as alone: tried on two rows of small numbers. A first axis that
 * varies may as well be a length, and a graph may mix its rows, which no declaration tells. False where neither try
 * runs.
 */
export async function keepsAnswers(inputs: readonly TensorType[], run: Run): Promise<boolean> {
  for (const length of LENGTHS) {
    const [one, other] = [1, 2].map((seed) => inputs.map((input) => sample(input, length, seed)))
    if (!one || !other) return false
    try {
      const alone = [await run(one), await run(other)]
      const together = await run(one.map((tensor, i) => joinRows([tensor, other[i] ?? tensor])))
      return alone.every((outputs, row) =>
        outputs.every((output, i) => isRow(together[i], row, output)),
      )
    } catch {
      // A graph may refuse the length; whether it runs at all is for its callers to find out.
    }
  }
  return false
}

function sample({ name, datatype, shape }: TensorType, length: number, seed: number): Tensor {
  const [, ...rest] = shape
  const dims = [1, ...rest.map((dim) => (dim === -1 ? length : dim))]
  const count = elementsOf(dims)
  if (datatype === 'BYTES')
    return {
      name,
      datatype,
      shape: dims,
      data: Array.from({ length: count }, (_, i) => `${seed}${i}`),
    }
  const data = new ARRAY_OF[datatype](count)
  for (let i = 0; i < count; i++) setSmall(data, datatype, i, (seed * (i + 1)) % 7)
  return { name, datatype, shape: dims, data }
}

/** 0 or 1 for whole numbers, which may be indices; sevenths for fractions. */
function setSmall(data: Tensor['data'], datatype: string, i: number, value: number): void {
  const bit = value % 2
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[i] = BigInt(bit)
  else if (data instanceof Float32Array || data instanceof Float64Array) data[i] = value / 7 - 0.4
  else if (datatype === 'FP16' && data instanceof Uint16Array) data[i] = bit * 0x3c00
  else if (!Array.isArray(data) && 'fill' in data) Reflect.set(data, i, bit)
}

/** Whether `row` of `together` is `alone`. */
function isRow(together: Tensor | undefined, row: number, alone: Tensor): boolean {
  if (together?.shape[0] !== 2 || alone.shape[0] !== 1) return false
  const { data, shape } = rowsOf(together, row, row + 1)
  return (
    shape.join() === alone.shape.join() &&
    alone.data.every((value: unknown, i: number) => isClose(value, data[i]))
  )
}

function isClose(a: unknown, b: unknown): boolean {
  if (typeof a !== 'number' || typeof b !== 'number' || Object.is(a, b))
    return a === b || Object.is(a, b)
  return Math.abs(a - b) <= TOLERANCE * (1 + Math.abs(a))
}
