import { GyreError } from '../../core/errors.ts'
import { rowsOf, type Tensor } from '../../core/tensor.ts'
import type { PredictAsk } from './predict-request.ts'

/**
 * The reply of `:predict`: `predictions`, one for each instance, or `outputs`. A model's only output goes without its name.
 * Throws MODEL_FAILED for an output that has no row for each instance.
 */
export function writePredict(
  { format, rows }: Pick<PredictAsk, 'format' | 'rows'>,
  outputs: readonly Tensor[],
): string {
  if (format === 'columnar') return `{"outputs":${namedText(outputs, nestedText)}}`
  for (const { name, shape } of outputs)
    if (shape[0] !== rows)
      throw new GyreError(
        'MODEL_FAILED',
        `${name}: it has shape [${shape.join()}], which is no row for each of ${rows} instances; ask by inputs`,
      )
  const texts = Array.from({ length: rows }, (_, i) =>
    namedText(outputs, (output) => rowText(rowsOf(output, i, i + 1))),
  )
  return `{"predictions":[${texts.join(',')}]}`
}

function namedText(outputs: readonly Tensor[], write: (output: Tensor) => string): string {
  const [only, ...others] = outputs
  if (only && others.length === 0) return write(only)
  return `{${outputs.map((output) => `${JSON.stringify(output.name)}:${write(output)}`).join(',')}}`
}

function rowText(row: Tensor): string {
  return nestedText({ ...row, shape: row.shape.slice(1) })
}

/** Elements nested by the shape. JSON has no NaN and no infinities: they are null. */
function nestedText({ datatype, shape, data }: Tensor): string {
  const write = datatype === 'BOOL' ? (value: unknown) => String(value === 1) : elementText
  let texts = Array.from<unknown, string>(data, write)
  for (const dim of shape.slice(1).toReversed()) texts = grouped(texts, dim)
  return shape.length === 0 ? (texts[0] ?? 'null') : `[${texts.join(',')}]`
}

function elementText(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  return typeof value === 'bigint' || Number.isFinite(value) ? String(value) : 'null'
}

function grouped(texts: readonly string[], size: number): string[] {
  const groups = size === 0 ? 0 : texts.length / size
  return Array.from(
    { length: groups },
    (_, i) => `[${texts.slice(i * size, (i + 1) * size).join(',')}]`,
  )
}
