import type { Tensor } from '../core/tensor.ts'
import type { PredictionOutcome } from '../predictions/prediction-row.ts'
import type { RowAnswer } from './row-answer.ts'

/** So many numbers of a request are kept in the log; an image is not. */
const MAX_KEPT = 256

/** How an answer with a number that is not finite is counted. */
export const NONFINITE: PredictionOutcome = { status: 'error', error: 'MODEL_FAILED' }

/** What the log keeps of an answered request: its numbers where they are few, and the answer where it is one number. */
export function toTensorOutcome(
  inputs: readonly Tensor[],
  { prediction, score }: RowAnswer,
): PredictionOutcome {
  const answer = typeof prediction === 'number' ? finiteOrNull(prediction) : null
  return { status: 'ok', score: finiteOrNull(score), prediction: answer, inputs: keptOf(inputs) }
}

function finiteOrNull(value: number | null): number | null {
  return Number.isFinite(value) ? value : null
}

function keptOf(inputs: readonly Tensor[]): readonly number[] | null {
  const count = inputs.reduce((sum, { data }) => sum + data.length, 0)
  if (count > MAX_KEPT || !inputs.every(hasNumbers)) return null
  return inputs.flatMap(({ data }) => Array.from<unknown, number>(data, Number))
}

/** FP16 and BF16 are bits here. */
function hasNumbers({ datatype }: Tensor): boolean {
  return datatype !== 'BYTES' && datatype !== 'FP16' && datatype !== 'BF16'
}
