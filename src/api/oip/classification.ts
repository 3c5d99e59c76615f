import { invalidInput } from '../../core/errors.ts'
import type { Tensor } from '../../core/tensor.ts'

/**
 * The classification extension: the `classes` best elements of each row as texts `value:index`, best first, of shape
 * [rows, classes], or [classes] of an output of one axis. Throws INVALID_INPUT for an output without numbers.
 */
export function topClasses({ name, datatype, shape, data }: Tensor, classes: number): Tensor {
  if (datatype === 'BYTES' || datatype === 'FP16' || datatype === 'BF16')
    throw invalidInput(`outputs.${name}.parameters.classification`, `${datatype} cannot be ranked`)
  const rows = shape.length > 1 ? (shape[0] ?? 0) : 1
  const width = rows === 0 ? 0 : data.length / rows
  const count = Math.min(classes, width)
  const texts = Array.from({ length: rows }, (_, row) => {
    const values = Array.from({ length: width }, (_value, i) => data[row * width + i] ?? 0)
    return best(values.map(Number), count).map((i) => `${String(values[i])}:${i}`)
  })
  const ranked = { name, datatype: 'BYTES', data: texts.flat() } as const
  return { ...ranked, shape: shape.length > 1 ? [rows, count] : [count] }
}

/** Places of the greatest, greatest first; of equals the first. */
function best(values: readonly number[], count: number): readonly number[] {
  return values
    .map((_value, i) => i)
    .toSorted((a, b) => (values[b] ?? 0) - (values[a] ?? 0) || a - b)
    .slice(0, count)
}
